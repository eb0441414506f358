// Says before the page is drawn that scripts run, so that nothing jumps.
document.body.classList.add("js-enabled", "nhsuk-frontend-supported");
