// What the console adds where scripts run: the design system's behaviour, and a warning before a
// session ends by itself. Every page works without it.

const WARN_SECONDS = 120;
const LOOK_EVERY = 15000;
const NEWS_EVERY = 15000;

const system = await import(document.body.dataset.designSystem);
system.initAll();

document.body.addEventListener("htmx:afterSwap", (event) => {
  system.initAll({ scope: event.target });
});

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

// Paper can't be clicked: what is folded is open on it. Newer browsers do so by the style sheet.
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("details:not([open])")];
  unfolded.forEach((each) => (each.open = true));
});
addEventListener("afterprint", () => unfolded.forEach((each) => (each.open = false)));

const warning = document.getElementById("idle-warning");
if (warning) {
  watch(warning, Number(warning.dataset.idleSeconds));
}

const news = document.getElementById("news");
if (news) {
  listen(news);
}

// What is urgent and came in since the page was opened: in a live region, in the title, and as a
// sound for those who chose one. The server answers 304 while there is nothing new.
function listen(region) {
  const title = document.title;
  const known = new Set();
  const fresh = new Map();
  let tag = "";
  let first = true;

  async function ask() {
    let answer;
    try {
      answer = await fetch(region.dataset.src, {
        headers: { Accept: "application/json", ...(tag && { "If-None-Match": tag }) },
        redirect: "manual",
      });
    } catch {
      // Offline, or signed out: the next look tells.
      return;
    }
    if (answer.status === 200) {
      tag = answer.headers.get("ETag") ?? "";
      take(await answer.json());
    }
  }

  function take({ waiting, urgent }) {
    const open = new Set(urgent.map((one) => one.id));
    const before = fresh.size;
    for (const one of urgent) {
      if (!known.has(one.id)) {
        known.add(one.id);
        if (!first) {
          fresh.set(one.id, one.label);
        }
      }
    }
    const more = fresh.size > before;
    for (const id of [...fresh.keys()].filter((each) => !open.has(each))) {
      fresh.delete(id);
    }
    first = false;
    count(waiting);
    show();
    if (more && region.dataset.sound === "yes") {
      chime();
    }
  }

  function count(waiting) {
    const shown = document.querySelector(".fu-count");
    if (shown && waiting) {
      shown.textContent = waiting;
    }
  }

  function show() {
    document.title = fresh.size ? `(${fresh.size}) ${title}` : title;
    region.replaceChildren(
      ...[...fresh].slice(-3).map(([id, label]) => {
        const line = document.createElement("p");
        const link = document.createElement("a");
        link.href = `/attention/${id}`;
        link.textContent = label;
        line.append("New, urgent: ", link);
        return line;
      }),
    );
  }

  ask();
  setInterval(ask, NEWS_EVERY);
}

// Two short tones, made here: no file to fetch. Browsers let a page sound once it was touched.
function chime() {
  const audio = new AudioContext();
  let tone;
  for (const [pitch, at] of [[660, 0], [880, 0.25]]) {
    tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = pitch;
    volume.gain.value = 0.1;
    tone.connect(volume).connect(audio.destination);
    tone.start(audio.currentTime + at);
    tone.stop(audio.currentTime + at + 0.2);
  }
  tone.onended = () => audio.close();
}

function watch(dialog, idleSeconds) {
  const left = document.getElementById("idle-left");
  let endsAt = Date.now() + idleSeconds * 1000;
  let asking = false;

  async function secondsLeft() {
    const answer = await fetch("/session", { headers: { Accept: "application/json" } });
    return answer.ok ? Number((await answer.json()).seconds_left) : 0;
  }

  async function look() {
    const seconds = Math.round((endsAt - Date.now()) / 1000);
    if (seconds > WARN_SECONDS || asking) {
      return;
    }
    // Another tab may have kept the session alive: the server knows.
    asking = true;
    try {
      endsAt = Date.now() + (await secondsLeft()) * 1000;
    } catch {
      // Offline: what was known before still holds.
    }
    asking = false;
    const now = Math.round((endsAt - Date.now()) / 1000);
    if (now <= 0) {
      leave();
    } else if (now <= WARN_SECONDS) {
      warn(now);
    } else if (dialog.open) {
      dialog.close();
    }
  }

  function warn(seconds) {
    const minutes = Math.ceil(seconds / 60);
    left.textContent = minutes > 1 ? `${minutes} minutes` : "less than a minute";
    if (!dialog.open) {
      dialog.showModal();
    }
  }

  function leave() {
    location.replace("/sign-in?ended=1");
  }

  async function stay() {
    const answer = await fetch("/session", { method: "POST" });
    if (!answer.ok || answer.redirected) {
      leave();
      return;
    }
    endsAt = Date.now() + idleSeconds * 1000;
    dialog.close();
  }

  document.getElementById("idle-stay").addEventListener("click", stay);
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    stay();
  });
  setInterval(look, LOOK_EVERY);
  document.addEventListener("visibilitychange", look);
}
