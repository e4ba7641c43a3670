"use strict";
(() => {
  const root = document.documentElement;
  const main = document.getElementById("main");
  const FOCUS = "keywatch-focus";

  function busy(on) {
    root.toggleAttribute("data-busy", on);
    main.toggleAttribute("aria-busy", on);
    if (on) main.setAttribute("aria-busy", "true");
  }

  // Airflow shows the page in a frame that may not navigate the window around it; its router follows its history.
  function airflow() {
    try {
      return parent !== window && parent.location.origin === location.origin ? parent : null;
    } catch {
      return null;
    }
  }

  function isPlain(event) {
    return event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || event.defaultPrevented || !isPlain(event)) return;
    const around = airflow();
    if (link.hasAttribute("data-airflow") && around) {
      event.preventDefault();
      const state = { idx: (around.history.state?.idx ?? 0) + 1, key: Math.random().toString(36).slice(2, 10), usr: null };
      around.history.pushState(state, "", link.href);
      around.dispatchEvent(new around.PopStateEvent("popstate", { state }));
      return;
    }
    const stays = link.hash && link.pathname === location.pathname && link.search === location.search;
    if (!link.hasAttribute("download") && !stays) busy(true);
  });

  function applyFilters(form, changed) {
    try {
      sessionStorage.setItem(FOCUS, changed.name);
    } catch {
      // focus starts at the top of the page then
    }
    if (changed.name === "sort") form.querySelector('[name="order"]')?.remove();
    form.requestSubmit();
  }

  for (const form of document.querySelectorAll("form[data-apply]")) {
    form.addEventListener("change", (event) => {
      if (event.target.matches("select, input[type=checkbox]")) applyFilters(form, event.target);
    });
    form.addEventListener("submit", () => {
      for (const field of form.elements) if (field.name && !field.value) field.disabled = true; // short addresses
      busy(true);
    });
  }

  function restoreFocus() {
    try {
      const name = sessionStorage.getItem(FOCUS);
      sessionStorage.removeItem(FOCUS);
      if (name) document.querySelector(`form[data-apply] [name="${CSS.escape(name)}"]`)?.focus({ preventScroll: true });
    } catch {
      // as above
    }
  }

  for (const button of document.querySelectorAll("button[aria-controls]")) {
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-expanded") !== "true";
      button.setAttribute("aria-expanded", String(open));
      document.getElementById(button.getAttribute("aria-controls")).toggleAttribute("data-open", open);
    });
  }

  async function count(place) {
    place.textContent = "Counting\u2026";
    try {
      const answer = await fetch(place.dataset.count, { headers: { Accept: "text/plain" } });
      place.textContent = answer.ok ? await answer.text() : "Not counted";
    } catch {
      place.textContent = "Not counted";
    }
  }

  addEventListener("pageshow", () => {
    busy(false);
    for (const field of document.querySelectorAll("form[data-apply] :disabled")) field.disabled = false;
  });
  restoreFocus();
  document.querySelectorAll("[data-count]").forEach(count);
})();
