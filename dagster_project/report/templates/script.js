// Readings on demand. Everything shown here also stands in a table, so a pointer is not needed.
(function () {
  "use strict";
  var tip = document.getElementById("tip");
  var shown = null;

  function hide() {
    if (shown) {
      shown.classList.remove("is-read");
      shown = null;
      tip.hidden = true;
    }
  }

  function show(target, x, y) {
    if (target !== shown) {
      hide();
      shown = target;
      target.classList.add("is-read");
      tip.textContent = target.dataset.tip;
      tip.hidden = false;
    }
    var gap = 14;
    var width = document.documentElement.clientWidth;
    var left = x + gap + tip.offsetWidth > width ? x - gap - tip.offsetWidth : x + gap;
    var top = y - gap - tip.offsetHeight < 0 ? y + gap : y - gap - tip.offsetHeight;
    tip.style.left = Math.max(4, Math.min(left, width - tip.offsetWidth - 4)) + "px";
    tip.style.top = top + "px";
  }

  function follow(event) {
    var target = event.target instanceof Element ? event.target.closest("[data-tip]") : null;
    if (target) {
      show(target, event.clientX, event.clientY);
    } else {
      hide();
    }
  }

  // A table that does not fit must be scrollable by keyboard; one that fits should not cost a stop.
  var boxes = document.querySelectorAll(".scroll");
  function reachable() {
    boxes.forEach(function (box) {
      box.tabIndex = box.scrollWidth > box.clientWidth ? 0 : -1;
    });
  }
  if (typeof ResizeObserver === "function") {
    var watcher = new ResizeObserver(reachable);
    boxes.forEach(function (box) {
      watcher.observe(box);
    });
  }

  document.addEventListener("pointermove", follow, { passive: true });
  document.addEventListener("pointerdown", follow, { passive: true });
  document.addEventListener("scroll", hide, { passive: true, capture: true });
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") {
      hide();
    }
  });
})();
