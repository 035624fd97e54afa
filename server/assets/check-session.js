// The OP iframe (OpenID Connect Session Management 1.0 section 3.2): a page of a client asks, by
// postMessage, whether the state of this browser is still that of its session_state. For any engine
// that has postMessage: crypto.subtle is not in all of them, and never outside a secure context.
(function () {
  'use strict';

  // The constants of SHA-256 (FIPS 180-4 section 4.2.2): fractions of roots of the first primes.
  var K = [];
  var START = [];
  (function () {
    function fraction(root) {
      return ((root - Math.floor(root)) * 0x100000000) | 0;
    }
    for (var number = 2; K.length < 64; number++) {
      var isPrime = true;
      for (var factor = 2; factor * factor <= number; factor++) {
        if (number % factor === 0) {
          isPrime = false;
        }
      }
      if (isPrime) {
        if (START.length < 8) {
          START.push(fraction(Math.pow(number, 1 / 2)));
        }
        K.push(fraction(Math.pow(number, 1 / 3)));
      }
    }
  })();

  function rotated(word, by) {
    return (word >>> by) | (word << (32 - by));
  }

  // Hexadecimal, of a text in UTF-8.
  function sha256(text) {
    var bytes = unescape(encodeURIComponent(text));
    var words = [];
    var at;
    for (at = 0; at < bytes.length; at++) {
      words[at >> 2] |= bytes.charCodeAt(at) << (24 - (at % 4) * 8);
    }
    words[at >> 2] |= 0x80 << (24 - (at % 4) * 8);
    var last = (((bytes.length + 8) >> 6) << 4) + 15;
    words[last] = bytes.length * 8;
    var hash = START.slice();
    for (var block = 0; block <= last; block += 16) {
      var w = [];
      var s = hash.slice();
      for (var t = 0; t < 64; t++) {
        if (t < 16) {
          w[t] = words[block + t] | 0;
        } else {
          var a = w[t - 15];
          var b = w[t - 2];
          var s0 = rotated(a, 7) ^ rotated(a, 18) ^ (a >>> 3);
          var s1 = rotated(b, 17) ^ rotated(b, 19) ^ (b >>> 10);
          w[t] = (w[t - 16] + s0 + w[t - 7] + s1) | 0;
        }
        var big1 = rotated(s[4], 6) ^ rotated(s[4], 11) ^ rotated(s[4], 25);
        var choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
        var one = (s[7] + big1 + choice + K[t] + w[t]) | 0;
        var big0 = rotated(s[0], 2) ^ rotated(s[0], 13) ^ rotated(s[0], 22);
        var majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
        s = [(one + big0 + majority) | 0, s[0], s[1], s[2], (s[3] + one) | 0, s[4], s[5], s[6]];
      }
      for (var i = 0; i < 8; i++) {
        hash[i] = (hash[i] + s[i]) | 0;
      }
    }
    var hex = '';
    for (var j = 0; j < 8; j++) {
      hex += ('0000000' + (hash[j] >>> 0).toString(16)).slice(-8);
    }
    return hex;
  }

  // What the server says this browser is; '' where nobody is signed in.
  function browserState() {
    var found = /(?:^|;\s*)(?:__Host-)?sb_browser_state=([^;]*)/.exec(document.cookie);
    return found ? found[1] : '';
  }

  function judge(message, origin) {
    if (typeof message !== 'string') {
      return 'error';
    }
    var parts = /^(.+) ([0-9a-f]{64})\.([A-Za-z0-9_-]+)$/.exec(message);
    if (!parts) {
      return 'error';
    }
    var now = sha256(parts[1] + ' ' + origin + ' ' + browserState() + ' ' + parts[3]);
    return now === parts[2] ? 'unchanged' : 'changed';
  }

  function answer(event) {
    // Nobody else may hear it, and a page without an origin of its own cannot be told apart.
    if (event.source && event.source !== window && event.origin && event.origin !== 'null') {
      event.source.postMessage(judge(event.data, event.origin), event.origin);
    }
  }

  window.addEventListener('message', answer, false);
})();
