// Goes on as soon as every framed address has answered, and does not wait for one that never does.
(function () {
  var link = document.getElementById("continue");
  var gone = false;

  function go() {
    if (!gone) {
      gone = true;
      window.location.replace(link.href);
    }
  }

  if (link) {
    window.onload = go;
    window.setTimeout(go, 4000);
  }
})();
