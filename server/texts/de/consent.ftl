# Was Clients und Geräte wollen, das Abmelden, und was unterwegs schiefgehen kann.

consent-title = Darf { $client } Ihr Konto verwenden?
consent-asks = { $client } möchte
consent-audience = bei { $audience } für Sie handeln
consent-answered-at = Ihre Antwort geht an { $host }.
consent-remembered = Nach demselben werden Sie nicht noch einmal gefragt.
decision-allow = Erlauben
decision-deny = Ablehnen
client-home = Website
client-policy = Datenschutzerklärung
client-terms = Nutzungsbedingungen

scope-openid = wissen, wer Sie sind
scope-profile = Ihren Namen und Ihr Profil sehen
scope-email = Ihre E-Mail-Adresse sehen
scope-address = Ihre Postanschrift sehen
scope-phone = Ihre Telefonnummer sehen
scope-offline-access = diesen Zugriff behalten, auch wenn Sie nicht da sind, bis Sie seine Sitzung beenden
scope-other = „{ $scope }“ verwenden

claim-name = Ihren vollen Namen sehen
claim-given-name = Ihren Vornamen sehen
claim-family-name = Ihren Nachnamen sehen
claim-middle-name = Ihren weiteren Vornamen sehen
claim-nickname = Ihren Spitznamen sehen
claim-preferred-username = Ihren Benutzernamen sehen
claim-profile = die Adresse Ihrer Profilseite sehen
claim-picture = Ihr Bild sehen
claim-website = Ihre Website sehen
claim-email = Ihre E-Mail-Adresse sehen
claim-email-verified = sehen, ob Ihre E-Mail-Adresse bestätigt ist
claim-gender = Ihr Geschlecht sehen
claim-birthdate = Ihr Geburtsdatum sehen
claim-zoneinfo = Ihre Zeitzone sehen
claim-locale = Ihre Sprache sehen
claim-phone-number = Ihre Telefonnummer sehen
claim-phone-number-verified = sehen, ob Ihre Telefonnummer bestätigt ist
claim-address = Ihre Postanschrift sehen
claim-updated-at = sehen, wann sich Ihr Profil zuletzt geändert hat
claim-other = „{ $claim }“ sehen

device-title = Gerät verbinden
device-ask = Geben Sie den Code ein, den Ihr Gerät zeigt.
field-user-code = Code auf dem Gerät
device-warning = Fahren Sie nur fort, wenn das Gerät Ihnen gehört und vor Ihnen steht. Niemand von hier wird Sie je nach einem solchen Code fragen.
device-confirm-title = { $client } verbinden?
device-compare = Zeigt das Gerät diesen Code?
device-allowed-title = Ihr Gerät ist verbunden
device-allowed-text = Machen Sie dort weiter. Diese Seite können Sie schließen.
device-denied-title = Das Gerät wurde nicht eingelassen
device-denied-text = Es hat sich nichts geändert. Diese Seite können Sie schließen.

sign-out-title = Abmelden?
sign-out-client = { $client } möchte Sie abmelden.
sign-out-what = Das beendet Ihre Sitzung in diesem Browser und sagt es den Apps, die Sie damit verwendet haben.
sign-out-what-all = Das beendet die Sitzungen aller dieser Konten in diesem Browser und sagt es den Apps, die Sie damit verwendet haben.
sign-out-button = Abmelden
sign-out-stay = Angemeldet bleiben
sign-out-stayed-title = Sie bleiben angemeldet
sign-out-stayed-text = Nichts hat sich geändert. Sie können diese Seite schließen.
signed-out-title = Sie sind abgemeldet
signed-out-text = Schließen Sie auf einem gemeinsam genutzten Gerät auch den Browser.
signed-out-one-title = { $address } ist abgemeldet
signed-out-left = In diesem Browser ist noch angemeldet:
signed-out-all = Auch hier abmelden
signed-out-continue = Weiter zu { $client }
signed-out-frame = Meldet Sie bei einer App ab

flow-over-title = Diese Anmeldung ist vorbei
flow-over-why = Sie hat zu lange gedauert oder wurde in einem anderen Tab beendet. Es ging nichts verloren: Beginnen Sie einfach von vorn.
flow-over-client = Beginnen Sie bei { $client } von vorn.
flow-over-link = Zurück zu { $client }
flow-over-anywhere = Gehen Sie zurück zu der App, von der Sie kamen, und melden Sie sich dort noch einmal an.

form-post-title = Einen Moment
form-post-ask = Ihre Antwort kann jetzt gesendet werden.

error-title = Diese Anmeldung geht nicht weiter
error-back = Zurück
error-details = Für die Entwickler der App
error-code = Code
error-what = Was nicht stimmt
error-request = Anfrage
error-other = Die App, von der Sie kommen, will etwas, das nicht möglich ist. Sie haben nichts falsch gemacht; sagen Sie es denen, die sie betreiben.
error-invalid-request = Die Anfrage der App, von der Sie kommen, ist unvollständig oder falsch. Sie haben nichts falsch gemacht; sagen Sie es denen, die sie betreiben.
error-invalid-client = Die App, von der Sie kommen, ist hier nicht bekannt. Sie haben nichts falsch gemacht; fahren Sie nur fort, wenn Sie dem Ort vertrauen, von dem Sie kommen.
error-unauthorized-client = Die App, von der Sie kommen, darf so niemanden anmelden. Sie haben nichts falsch gemacht; sagen Sie es denen, die sie betreiben.
error-invalid-redirect-uri = Die App, von der Sie kommen, will ihre Antwort an eine Adresse, die nicht für sie registriert ist. Zu Ihrer Sicherheit wurde nichts dorthin gesendet.
error-invalid-request-uri = Diese Anmeldung wurde schon verwendet oder ist zu alt. Gehen Sie zurück zur App, und melden Sie sich dort noch einmal an.
error-access-denied = Sie haben es nicht erlaubt; es wurde nichts weitergegeben.
error-temporarily-unavailable = Wir können im Moment nicht antworten. Versuchen Sie es in ein paar Sekunden noch einmal.
error-server-error = Bei uns ist etwas schiefgegangen. Es steht im Protokoll; versuchen Sie es später noch einmal.
error-login-required = Sie müssen sich zuerst anmelden.
error-not-found = Diese Seite gibt es nicht.
error-too-many = Zu viele Versuche. Warten Sie ein paar Minuten, und versuchen Sie es noch einmal.
