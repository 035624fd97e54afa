# Anmeldung: Passwort, zweiter Faktor, Auswahl des Kontos.

for-client = um fortzufahren zu { $client }
continue-button = Weiter
not-you = Nicht Sie?
cancel-button = Abbrechen
foot-support = Brauchen Sie Hilfe? { $support }
foot-by = Geschützt durch Signalbox

field-username = E-Mail-Adresse oder Benutzername
field-password = Passwort
field-code = Code
field-remember = Auf diesem Gerät angemeldet bleiben
field-trust-device = Auf diesem Gerät nicht mehr nach einem Code fragen
password-show = Zeigen
password-hide = Verbergen
copy = Kopieren
copied = Kopiert

sign-in-title = Anmelden
sign-in-button = Anmelden
sign-in-forgot = Passwort vergessen?
sign-in-passkey = Mit einem Passkey anmelden

second-factor-title = Bestätigen Sie, dass Sie es sind
second-factor-totp = Geben Sie den sechsstelligen Code ein, den Ihre Authenticator-App zeigt.
second-factor-mailed = Wir haben Ihnen einen Code gemailt. Er gilt zehn Minuten.
second-factor-mailed-to = Wir haben einen Code an { $address } gemailt. Er gilt zehn Minuten.
second-factor-sms = Wir haben Ihnen einen Code per SMS gesendet. Er gilt zehn Minuten.
second-factor-sms-to = Wir haben einen Code per SMS an { $number } gesendet. Er gilt zehn Minuten.
second-factor-backup = Geben Sie einen der Ersatzcodes ein, die Sie aufbewahrt haben. Jeder gilt einmal.
second-factor-button = Bestätigen
second-factor-again = Code noch einmal senden
method-totp = Authenticator-App verwenden
method-mail = Code per E-Mail bekommen
method-sms = Code per SMS bekommen
method-hardware = Passkey oder Sicherheitsschlüssel verwenden
method-backup = Ersatzcode verwenden

second-factor-passkey = Verwenden Sie Ihren Passkey oder Sicherheitsschlüssel. Ihr Browser zeigt Ihnen, was zu tun ist.
passkey-button = Passkey verwenden
passkey-failed = Das hat nicht geklappt: Kein Passkey hat geantwortet, oder Sie haben abgebrochen. Versuchen Sie es noch einmal, oder wählen Sie einen anderen Weg.
passkey-unavailable = Dieser Browser kann hier keine Passkeys verwenden. Wählen Sie unten einen anderen Weg.
passkey-unavailable-alone = Dieser Browser kann hier keine Passkeys verwenden. Öffnen Sie diese Seite in einem anderen, mit eingeschaltetem JavaScript.

step-up-title = Noch ein Schritt
step-up-why = Was Sie vorhaben, verlangt einen zweiten Nachweis, dass Sie es sind.
reauthenticate-title = Bestätigen Sie, dass Sie es sind
reauthenticate-why = Ihre Anmeldung ist eine Weile her. Weisen Sie noch einmal nach, dass Sie es sind.

enrol-title = Authenticator einrichten
enrol-why = Ihr Konto braucht bei der Anmeldung einen zweiten Schritt: einen Code aus einer App auf Ihrem Telefon.
enrol-scan = Scannen Sie diesen Code mit einer Authenticator-App.
enrol-qr = QR-Code für Ihre Authenticator-App
enrol-by-hand = Oder geben Sie diesen Schlüssel von Hand ein:
enrol-code = Geben Sie den sechsstelligen Code ein, den die App zeigt.
enrol-button = Einschalten
enrol-passkey-title = Passkey einrichten
enrol-passkey-why = Ihr Konto braucht einen Passkey oder Sicherheitsschlüssel: Sie melden sich mit Finger, Gesicht, PIN oder einem Schlüssel an, den Sie berühren, und niemand kann ihn Ihnen entlocken.
enrol-name = Name der App
enrol-name-example = Privates Telefon
enrol-name-hint = Damit Sie sie wiedererkennen. Sie können ihn weglassen.
enrol-passkey-name = Name des Passkeys
enrol-passkey-example = Laptop im Büro
enrol-passkey-hint = Damit Sie ihn wiedererkennen. Sie können ihn weglassen.
enrol-passkey-button = Passkey anlegen
enrol-passkey-done-title = Ihr Passkey ist bereit
enrol-passkey-done-text = Von jetzt an können Sie sich damit anmelden.
enrol-done-title = Ihr Authenticator ist eingeschaltet
enrol-done-text = Von jetzt an fragt die Anmeldung nach seinem Code.

enrol-sms-title = Codes per SMS bekommen
enrol-sms-why = Ihr Konto braucht beim Anmelden einen zweiten Schritt: einen Code, den wir an Ihr Telefon schicken.
field-phone = Telefonnummer
phone-hint = Mit Ländervorwahl, etwa +49 1512 3456789.
enrol-phone-own = Lassen Sie das Feld leer, um { $phone } zu verwenden.
enrol-phone-button = Code schicken
enrol-phone-other = Andere Nummer verwenden
enrol-sms-done-title = Codes per SMS sind eingerichtet
enrol-mail-title = Codes per E-Mail bekommen
enrol-mail-done-title = Codes per E-Mail sind eingerichtet
enrol-sent-done-text = Von jetzt an fragen wir beim Anmelden nach einem Code, den wir Ihnen schicken.

backup-title = Bewahren Sie Ihre Ersatzcodes auf
backup-why = Jeder gilt einmal, wenn Authenticator oder Passkey nicht zur Hand sind. Sie werden nur jetzt gezeigt: Drucken Sie sie aus, oder bewahren Sie sie in einem Passwort-Manager auf.
backup-copy = Alle Codes kopieren
backup-button = Ich habe sie aufbewahrt, weiter

choose-account-title = Konto auswählen
choose-account-other = Anderes Konto verwenden

problem-wrong-credentials = Dieser Name und dieses Passwort gehören nicht zusammen. Prüfen Sie beides, und versuchen Sie es noch einmal.
problem-address-not-verified = Ihre E-Mail-Adresse ist noch nicht bestätigt. Öffnen Sie den Link, den wir Ihnen gemailt haben, und melden Sie sich dann noch einmal an.
problem-wrong-code = Dieser Code zählt nicht: Er ist falsch, wurde schon verwendet oder ist zu alt.
problem-passkey = Dieser Passkey zählt hier nicht: Er gehört nicht zu diesem Konto, wurde schon verwendet oder hat zu lange gebraucht. Versuchen Sie es noch einmal, oder wählen Sie einen anderen Weg.
problem-passkey-model = Dieser Passkey ist von einer Art, die hier nicht zählt. Verwenden Sie einen anderen.
problem-factor-locked = Zu viele falsche Codes: Dieser Weg ist gesperrt. Wählen Sie einen anderen, oder bitten Sie um Hilfe.
problem-sign-in-over = Das hat zu lange gedauert. Geben Sie Ihr Passwort noch einmal ein.
problem-unknown-device = Es gibt kein Gerät mit diesem Code, oder es hat aufgegeben. Vergleichen Sie ihn mit dem Code auf dem Gerät.
problem-too-many = Zu viele Versuche. { $minutes ->
    [one] Warten Sie eine Minute, und versuchen Sie es noch einmal.
   *[other] Warten Sie { $minutes } Minuten, und versuchen Sie es noch einmal.
}
problem-busy = Wir können im Moment nicht antworten. Versuchen Sie es in ein paar Sekunden noch einmal.

signed-in-title = Sie sind angemeldet
signed-in-text = Dieser Browser kennt Sie jetzt. Sie können diese Seite schließen.
