// What only scripts can add to a form: to look at a typed password, to copy a shown code.
(function () {
  function button(text, act) {
    var made = document.createElement("button");
    made.type = "button";
    made.className = "aid";
    made.appendChild(document.createTextNode(text));
    made.onclick = act;
    return made;
  }

  function each(found, act) {
    for (var i = 0; i < found.length; i += 1) {
      act(found[i]);
    }
  }

  each(document.querySelectorAll("input[data-show]"), function (input) {
    var show = input.getAttribute("data-show");
    var hide = input.getAttribute("data-hide");
    var aid = button(show, function () {
      var hidden = input.type === "password";
      input.type = hidden ? "text" : "password";
      aid.firstChild.nodeValue = hidden ? hide : show;
      input.focus();
    });
    aid.setAttribute("aria-controls", input.id);
    input.parentNode.appendChild(aid);
    if (input.form) {
      input.form.addEventListener("submit", function () {
        input.type = "password";
      });
    }
  });

  // A double click sends a form once. Not for long: whoever stopped the first may send another.
  each(document.forms, function (form) {
    var sent = 0;
    form.addEventListener("submit", function (event) {
      var now = new Date().getTime();
      if (now - sent < 2000) {
        event.preventDefault();
      } else {
        sent = now;
      }
    });
  });

  if (!navigator.clipboard) {
    return;
  }
  each(document.querySelectorAll("[data-copy]"), function (shown) {
    var aid = button(shown.getAttribute("data-copy"), function () {
      var text = shown.innerText || shown.textContent;
      navigator.clipboard.writeText(text).then(function () {
        aid.firstChild.nodeValue = shown.getAttribute("data-copied");
      });
    });
    aid.className = "second copy";
    shown.parentNode.insertBefore(aid, shown.nextSibling);
  });
})();
