// For browsers that cannot read the check: in the language of 2011, and after the page was loaded.
window.addEventListener("load", function () {
  if (document.documentElement.getAttribute("data-ready")) return;
  var agent = navigator.userAgent;
  var found = agent.match(/(Firefox|Chrome)\/(\d+)/) || agent.match(/(Version)\/(\d+)/) || [];
  var least = { Firefox: 60, Chrome: 72, Version: 14 }[found[1]];
  var seen = {
    step: "browser", operation: "browser_version", endpoint: agent.slice(0, 300), started_ms: 0, duration_ms: 0,
    failure: Number(found[2]) < least ? "browser_outdated" : null,
    notes: { version: found[2] || "", detail: "it cannot run the check" }
  };
  document.getElementById("form").hidden = true;
  document.getElementById("old").hidden = false;
  document.getElementById("old-text").value = JSON.stringify({
    browser_check: 1, started: new Date().toISOString(), place: "page", observations: [seen]
  });
});
