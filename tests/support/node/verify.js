// Reads {secret, body, headers} a line, and answers each with what the library makes of it; {now}
// is answered with its time, which signatures must be near to.
const { Webhook } = require("standardwebhooks");
const { createInterface } = require("node:readline");

createInterface({ input: process.stdin }).on("line", (line) => {
  const { secret, body, headers, now } = JSON.parse(line);
  let told;
  try {
    told = now ? { now: Math.floor(Date.now() / 1000) } : new Webhook(secret).verify(body, headers);
  } catch (error) {
    told = String(error.message);
  }
  process.stdout.write(JSON.stringify(told) + "\n");
});
