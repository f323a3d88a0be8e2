"use strict";
// Before the first paint: the theme that was chosen here, or that of the system. Storage may be forbidden; then the choice lasts for the page.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  try { chosen = localStorage.getItem("theme"); } catch { /* no storage */ }
  const dress = () => {
    root.dataset.theme = chosen || (dark.matches ? "dark" : "light");
    document.dispatchEvent(new Event("themed"));
  };
  dress();
  dark.addEventListener("change", dress);
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", () => {
      chosen = root.dataset.theme === "dark" ? "light" : "dark";
      try { localStorage.setItem("theme", chosen); } catch { /* no storage */ }
      dress();
    });
    const reach = () => document.querySelectorAll(".scroll").forEach((box) => {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0; // by keyboard too
      else box.removeAttribute("tabindex");
    });
    reach();
    addEventListener("load", reach); // with every style sheet
    addEventListener("resize", reach);
    const here = document.querySelector(".pages [aria-current]");
    if (here) here.parentElement.scrollLeft = Math.max(0, here.offsetLeft - here.parentElement.offsetLeft - 60);
  });
})();
