// Reads one text a line, and answers each with one line: how Twilio's own calculator counts it.
const { SegmentedMessage } = require("sms-segments-calculator");
const { createInterface } = require("node:readline");

createInterface({ input: process.stdin }).on("line", (line) => {
  const { encodingName, segmentsCount } = new SegmentedMessage(JSON.parse(line).text, "auto");
  process.stdout.write(JSON.stringify([encodingName, segmentsCount]) + "\n");
});
