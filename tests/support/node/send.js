// Reads {library, port, text} a line, and answers each with what the library reads of the
// acknowledgement: MSA-1, MSA-2, and the event that MSH-9 names. The text is taken apart and written
// anew by the library, which frames it too.
const { Hl7Message } = require("@medplum/core");
const { Hl7Client } = require("@medplum/hl7");
const hl7 = require("simple-hl7");
const { createInterface } = require("node:readline");

const HOST = "127.0.0.1";
const SENDERS = {
  "simple-hl7": (port, text) =>
    new Promise((resolve, reject) => {
      const client = hl7.Server.createTcpClient(HOST, port);
      const message = new hl7.Parser({ segmentSeperator: "\r" }).parse(text.trimEnd());
      client.send(message, (error, ack) => {
        if (error) return reject(error);
        const msa = ack.getSegment("MSA");
        resolve([msa.getField(1), msa.getField(2), ack.header.getField(7)].map(String));
      });
    }),
  "@medplum/hl7": async (port, text) => {
    const client = new Hl7Client({ host: HOST, port });
    try {
      const ack = await client.sendAndWait(Hl7Message.parse(text));
      const msa = ack.getSegment("MSA");
      return [msa.getField(1), msa.getField(2), ack.getSegment("MSH").getField(9)].map(String);
    } finally {
      client.close();
    }
  },
};

createInterface({ input: process.stdin }).on("line", async (line) => {
  const { library, port, text } = JSON.parse(line);
  let told;
  try {
    told = await SENDERS[library](port, text);
  } catch (error) {
    told = [String(error)];
  }
  process.stdout.write(JSON.stringify(told) + "\n");
});
