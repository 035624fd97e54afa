// Goes on as soon as every framed address has answered, or after the time the page waits anyway.
(function () {
  var link = document.getElementById("continue");
  if (!link) {
    return;
  }
  window.onload = function () {
    window.location.replace(link.href);
  };
})();
