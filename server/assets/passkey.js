// Passkeys and security keys (WebAuthn Level 3). A page that has a button [data-passkey] says with it
// what is asked: "create" and "get" by the options that it holds, "sign-in" by options that are asked
// for, from [data-from], each time: then browsers may offer passkeys where a name is typed. The answer
// goes with the button's form, as its field "credential". ECMAScript 5, for any engine that reads it; one
// that knows no passkeys is left with what the page says to it.
(function () {
  "use strict";

  var button = document.querySelector("[data-passkey]");
  // Passkeys belong to names: an address of numbers has none.
  var isName = !/^(\[.*|[0-9.]+)$/.test(window.location.hostname);
  if (!button || !isName || !window.PublicKeyCredential || !navigator.credentials) {
    return;
  }
  var form = button.form;
  var act = button.getAttribute("data-passkey");
  var told = document.getElementById("passkey-told");
  var instead = document.getElementById("passkey-instead");
  // The options live for five minutes.
  var RENEW = 240000;
  var waiting = null;
  var offers = false;

  function bytes(text) {
    var plain = window.atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    var made = new Uint8Array(plain.length);
    for (var i = 0; i < plain.length; i += 1) {
      made[i] = plain.charCodeAt(i);
    }
    return made.buffer;
  }

  function text(buffer) {
    var made = "";
    var all = new Uint8Array(buffer);
    for (var i = 0; i < all.length; i += 1) {
      made += String.fromCharCode(all[i]);
    }
    return window.btoa(made).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  function read(options) {
    var list = options.allowCredentials || options.excludeCredentials || [];
    options.challenge = bytes(options.challenge);
    if (options.user) {
      options.user.id = bytes(options.user.id);
    }
    for (var i = 0; i < list.length; i += 1) {
      list[i].id = bytes(list[i].id);
    }
    return options;
  }

  function written(credential) {
    var from = credential.response;
    var response = {};
    ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"].forEach(
      function (name) {
        if (from[name]) {
          response[name] = text(from[name]);
        }
      }
    );
    if (from.getTransports) {
      response.transports = from.getTransports();
    }
    return JSON.stringify({
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      response: response,
      clientExtensionResults: credential.getClientExtensionResults()
    });
  }

  function send(credential) {
    form.elements.credential.value = written(credential);
    // Fields for other ways of answering stay empty, and are not missed.
    HTMLFormElement.prototype.submit.call(form);
  }

  function failed() {
    button.disabled = false;
    told.hidden = false;
    if (offers) {
      offer();
    }
  }

  function nothing() {}

  // Asks the server for options, and goes on with them.
  function ask(then, otherwise) {
    var request = new XMLHttpRequest();
    request.onload = function () {
      var answer = null;
      try {
        answer = JSON.parse(request.responseText);
      } catch (error) {
        // A page that says that something is over: loading it again says it to the person.
      }
      if (request.status === 200 && answer) {
        then(read(answer.publicKey));
      } else {
        otherwise();
      }
    };
    request.onerror = otherwise;
    var pairs = [];
    ["csrf", "flow", "client_id", "to"].forEach(function (name) {
      var field = form.elements[name];
      if (field) {
        pairs.push(name + "=" + encodeURIComponent(field.value));
      }
    });
    request.open("POST", button.getAttribute("data-from"));
    request.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
    request.send(pairs.join("&"));
  }

  // Offers passkeys where the name is typed, for as long as the page is open.
  function offer() {
    ask(function (options) {
      // One thing is asked at a time: by the button, or by an offer that came first.
      if (button.disabled || waiting) {
        return;
      }
      waiting = new AbortController();
      var mine = waiting;
      var renewed = window.setTimeout(function () {
        waiting = null;
        mine.abort();
        offer();
      }, RENEW);
      navigator.credentials
        .get({ publicKey: options, mediation: "conditional", signal: mine.signal })
        .then(send, function () {
          // The person chose another way, or none.
          if (waiting !== mine) {
            window.clearTimeout(renewed);
          }
        });
    }, nothing);
  }

  button.onclick = function () {
    button.disabled = true;
    told.hidden = true;
    if (waiting) {
      var before = waiting;
      waiting = null;
      before.abort();
    }
    if (act === "sign-in") {
      ask(function (options) {
        navigator.credentials.get({ publicKey: options }).then(send, failed);
      }, failed);
      return;
    }
    var options = read(JSON.parse(button.getAttribute("data-options")));
    var asked =
      act === "create"
        ? navigator.credentials.create({ publicKey: options })
        : navigator.credentials.get({ publicKey: options });
    asked.then(send, failed);
  };

  button.hidden = false;
  if (instead) {
    instead.hidden = true;
  }
  // Not where something went wrong: the person decides what to do next.
  var isAlone = !document.getElementById("problem");
  if (act === "sign-in" && isAlone && window.PublicKeyCredential.isConditionalMediationAvailable) {
    window.PublicKeyCredential.isConditionalMediationAvailable().then(function (available) {
      offers = available && !!window.AbortController;
      if (offers) {
        offer();
      }
    });
  }
})();
