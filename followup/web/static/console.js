// What the console adds where scripts run: the design system's behaviour, and a warning before a
// session ends by itself. Every page works without it.

const WARN_SECONDS = 120;
const LOOK_EVERY = 15000;

const system = await import(document.body.dataset.designSystem);
system.initAll();

document.body.addEventListener("htmx:afterSwap", (event) => {
  system.initAll({ scope: event.target });
});

const warning = document.getElementById("idle-warning");
if (warning) {
  watch(warning, Number(warning.dataset.idleSeconds));
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
