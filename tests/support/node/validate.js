// Reads one resource a line, and answers each with one line: what is wrong with it.
const { Fhir } = require("fhir");
const { createInterface } = require("node:readline");

const fhir = new Fhir();
createInterface({ input: process.stdin }).on("line", (line) => {
  const { messages } = fhir.validate(JSON.parse(line), { errorOnUnexpected: true });
  const wrong = messages.filter((each) => each.severity === "error" || each.severity === "fatal");
  process.stdout.write(JSON.stringify(wrong.map((each) => `${each.location}: ${each.message}`)) + "\n");
});
