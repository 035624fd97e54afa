// What can be judged of a page without knowing it, as a list of complaints (WCAG 2.2 AA).
(function () {
  var complaints = [];

  function all(selector) {
    return Array.prototype.slice.call(document.querySelectorAll(selector));
  }

  function shown(it) {
    // What is in a closed <details> has a size, and is not there for anybody.
    return it.getClientRects().length > 0 && it.checkVisibility({ visibilityProperty: true });
  }

  function describe(it) {
    return it.outerHTML.slice(0, 90);
  }

  function name(it) {
    var by = (it.getAttribute("aria-labelledby") || "").split(" ").map(function (id) {
      var found = id && document.getElementById(id);
      return found ? found.textContent : "";
    });
    var labels = it.labels ? Array.prototype.map.call(it.labels, function (label) {
      return label.textContent;
    }) : [];
    return (by.join("") + labels.join("") + (it.getAttribute("aria-label") || "") +
      (it.matches("button, a") ? it.textContent : "")).trim();
  }

  // Colours as the browser writes them, whatever notation the stylesheet has.
  function rgba(color) {
    var parts = color.match(/[\d.]+/g).map(Number);
    return parts.length < 4 ? parts.concat(1) : parts;
  }

  function over(top, below) {
    return [0, 1, 2].map(function (at) {
      return top[at] * top[3] + below[at] * (1 - top[3]);
    }).concat(1);
  }

  function ground(it) {
    var layers = [];
    for (var at = it; at; at = at.parentElement) {
      layers.push(rgba(getComputedStyle(at).backgroundColor));
      if (layers[layers.length - 1][3] === 1) {
        break;
      }
    }
    return layers.reverse().reduce(function (below, top) {
      return over(top, below);
    }, [255, 255, 255, 1]);
  }

  function luminance(color) {
    var parts = color.slice(0, 3).map(function (part) {
      part /= 255;
      return part <= 0.04045 ? part / 12.92 : Math.pow((part + 0.055) / 1.055, 2.4);
    });
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  }

  function contrast(one, two) {
    var a = luminance(one), b = luminance(two);
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }

  if (!document.documentElement.lang) {
    complaints.push("the page names no language");
  }
  if (["ltr", "rtl"].indexOf(document.documentElement.dir) < 0) {
    complaints.push("the page names no direction");
  }
  if (document.title.trim() === "") {
    complaints.push("the page has no title");
  }
  if (all("h1").length !== 1) {
    complaints.push(all("h1").length + " h1");
  }
  if (all("main").length !== 1) {
    complaints.push(all("main").length + " main");
  }
  var before = 1;
  all("h1, h2, h3").forEach(function (heading) {
    var level = Number(heading.tagName.slice(1));
    if (level > before + 1) {
      complaints.push("a level of headings is left out: " + describe(heading));
    }
    before = level;
  });
  var ids = {};
  all("[id]").forEach(function (it) {
    if (ids[it.id]) {
      complaints.push("an id is there twice: " + it.id);
    }
    ids[it.id] = true;
  });
  all("[aria-describedby], [aria-labelledby], [aria-controls]").forEach(function (it) {
    ["aria-describedby", "aria-labelledby", "aria-controls"].forEach(function (attribute) {
      (it.getAttribute(attribute) || "").split(" ").forEach(function (id) {
        if (id && !ids[id]) {
          complaints.push(attribute + " leads nowhere: " + describe(it));
        }
      });
    });
  });
  all("img").forEach(function (it) {
    if (!it.hasAttribute("alt")) {
      complaints.push("a picture without alt: " + describe(it));
    }
  });
  all("input, select, textarea, button, a").filter(shown).forEach(function (it) {
    if (name(it) === "") {
      complaints.push("nothing names " + describe(it));
    }
    var box = it.getBoundingClientRect();
    var inText = it.matches("a:not(.button)") || it.type === "checkbox";
    if (!inText && (box.height < 44 || box.width < 44)) {
      complaints.push("too small to touch: " + describe(it));
    }
    if (it.tabIndex > 0) {
      complaints.push("breaks the order of the keyboard: " + describe(it));
    }
    it.focus();
    if (document.activeElement !== it) {
      complaints.push("cannot be focused: " + describe(it));
    }
  });
  all("body *").filter(shown).forEach(function (it) {
    var has = Array.prototype.some.call(it.childNodes, function (node) {
      return node.nodeType === 3 && node.nodeValue.trim() !== "";
    });
    if (!has || it.closest("[aria-hidden=true]") || it.matches("noscript, script, option")) {
      return;
    }
    var style = getComputedStyle(it), below = ground(it);
    var ratio = contrast(over(rgba(style.color), below), below);
    var size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
    if (ratio < (size >= 24 || (bold && size >= 18.66) ? 3 : 4.5)) {
      complaints.push("contrast " + ratio.toFixed(2) + ": " + describe(it));
    }
  });
  all("input:not([type=hidden])").filter(shown).forEach(function (it) {
    var ratio = contrast(rgba(getComputedStyle(it).borderTopColor), ground(it.parentElement));
    if (it.type !== "checkbox" && ratio < 3) {
      complaints.push("contrast of its edge " + ratio.toFixed(2) + ": " + describe(it));
    }
  });
  if (document.documentElement.scrollWidth > window.innerWidth) {
    complaints.push("wider than the window by " +
      (document.documentElement.scrollWidth - window.innerWidth));
  }
  if (document.activeElement) {
    document.activeElement.blur();
  }
  return complaints;
})()
