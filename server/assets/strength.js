// How hard a new password is to guess, while it is typed: the server says so, by the same measure
// that it judges by.
(function () {
  var bar = document.getElementById("strength");
  var words = document.getElementById("strength-words");
  var input = document.getElementById("password");
  var csrf = document.querySelector("input[name=csrf]");
  if (!bar || !words || !input || !csrf) {
    return;
  }
  var last = 0;
  var timer;

  function show(score) {
    var step = score === null ? 0 : Math.max(1, score);
    bar.className = step ? "strength s" + step : "strength";
    words.textContent = step ? words.getAttribute("data-" + step) : "";
  }

  function ask() {
    last += 1;
    var number = last;
    var typed = input.value;
    if (typed === "") {
      show(null);
      return;
    }
    var request = new XMLHttpRequest();
    request.open("POST", bar.getAttribute("data-ask"));
    request.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
    request.onload = function () {
      // Answers to what was typed before are late.
      if (number === last) {
        show(request.status === 200 ? JSON.parse(request.responseText).score : null);
      }
    };
    request.send("csrf=" + encodeURIComponent(csrf.value) + "&password=" + encodeURIComponent(typed));
  }

  input.addEventListener("input", function () {
    clearTimeout(timer);
    timer = setTimeout(ask, 350);
  });
})();
