# Seiten hinter gemailten Links, und was jede Seite sagt, wenn etwas nicht stimmt.

field-email = E-Mail-Adresse
field-name = Name
field-new-password = Neues Passwort
password-hint = 8 bis 128 Zeichen; drei oder vier ungewöhnliche Wörter eignen sich gut.

field-must-be-a-mail-address-like-ada-example-com = Geben Sie eine E-Mail-Adresse ein, etwa ada@example.com.
field-must-be-a-telephone-number-like-n-n-n = Geben Sie eine Telefonnummer mit Ländervorwahl ein, etwa +49 1512 3456789.
field-is-missing = Füllen Sie dieses Feld aus.
field-is-the-address-of-this-account-already = Das ist schon die Adresse Ihres Kontos.
field-is-the-number-of-this-account-already = Das ist schon die Nummer Ihres Kontos.
field-belongs-to-an-account-already = Mit dieser Adresse gibt es schon ein Konto.
field-must-have-n-to-n-characters = Geben Sie 1 bis { $n } Zeichen ein.
field-must-have-at-least-n-characters = Verwenden Sie mindestens { $n } Zeichen.
field-must-have-at-most-n-characters = Verwenden Sie höchstens { $n } Zeichen.
field-must-not-contain-control-characters = Lassen Sie Zeichen weg, die man nicht tippen kann.
field-is-one-of-the-passwords-that-are-tried-first-choose-another = Dieses Passwort wird als eines der ersten ausprobiert. Wählen Sie ein anderes.
field-is-too-easy-to-guess-use-more-words-or-less-common-ones = Das ist zu leicht zu erraten. Verwenden Sie mehr oder ungewöhnlichere Wörter.
field-is-not-the-authenticator-s-present-code = Das ist nicht der Code, den der Authenticator jetzt zeigt.

setup-title = Ersten Administrator einrichten
setup-why = Ein Konto mit Passwort und Authenticator-App: Die Verwaltung öffnet sich mit beidem, und mit nichts weniger.
setup-problem = Einige Felder brauchen noch einen Blick. Der hinzugefügte Authenticator bleibt gültig.
setup-authenticator = Authenticator-App
setup-scan = Scannen Sie den Code mit einer Authenticator-App, oder geben Sie diesen Schlüssel von Hand ein:
setup-button = Administrator anlegen
setup-done-title = Der Administrator ist bereit
setup-done-text = { $email } kann sich jetzt anmelden, mit Passwort und Authenticator.

verify-email-title = E-Mail-Adresse bestätigen
verify-email-why = Ein Klick, und Ihr Konto ist aktiv.
verify-email-button = Meine Adresse bestätigen
verify-email-done-title = Ihre Adresse ist bestätigt
verify-email-done-text = Ihr Konto ist aktiv: Sie können sich jetzt anmelden.

forgot-title = Passwort vergessen?
forgot-why = Geben Sie die E-Mail-Adresse Ihres Kontos ein. Wir mailen Ihnen einen Link, mit dem Sie ein neues Passwort wählen.
forgot-button = Link per E-Mail senden
forgot-back = Zurück zur Anmeldung
forgot-sent-title = Sehen Sie in Ihr Postfach
forgot-sent-text = Wenn zu dieser Adresse ein Konto gehört, haben wir einen Link dorthin gemailt. Mit ihm wählen Sie ein neues Passwort; er gilt eine halbe Stunde.
forgot-sent-hint = Nichts angekommen? Sehen Sie im Spam-Ordner nach, und prüfen Sie die eingegebene Adresse.

reset-title = Neues Passwort wählen
reset-why = Für { $email }. Danach sind Sie überall abgemeldet.
reset-problem = Dieses Passwort kann nicht genommen werden. Der Link bleibt gültig.
reset-button = Passwort ändern
reset-done-title = Ihr Passwort ist geändert
reset-done-text = Sie sind überall abgemeldet und können sich jetzt mit dem neuen Passwort anmelden.

not-me-title = Waren Sie das nicht?
not-me-why = Damit wird das Konto von { $email } gesperrt:
not-me-ends = Sie werden überall abgemeldet, und kein Gerät, keine App, kein API-Schlüssel und kein angeforderter Code gilt mehr.
not-me-removes = Jeder zweite Faktor, der in den letzten 7 Tagen eingerichtet wurde, wird entfernt, ebenso eine Telefonnummer, die in dieser Zeit bestätigt wurde.
not-me-closes = Niemand meldet sich an, bis Sie mit einem Link, den wir Ihnen mailen, ein neues Passwort gewählt haben oder ein Administrator das Konto öffnet.
not-me-button = Ich war es nicht: Konto sperren
not-me-else = Wenn Sie es waren, verlassen Sie diese Seite: Es ist nichts geschehen.
not-me-done-title = Ihr Konto ist gesperrt
not-me-done-text = Sie sind überall abgemeldet. Wir mailen Ihnen einen Link: Wählen Sie damit ein neues Passwort, dann ist Ihr Konto wieder offen.
not-me-disabled-title = Ihr Konto ist gesperrt
not-me-disabled-text = Sie sind überall abgemeldet. Ein Postfach allein soll dieses Konto nicht wieder öffnen: Bitten Sie einen Administrator darum.
not-me-used-title = Sie haben es uns schon gesagt
not-me-used-text = Dieser Link wurde schon benutzt. Um Ihr Konto wieder zu öffnen, wählen Sie mit „Passwort vergessen?“ ein neues Passwort oder bitten Sie einen Administrator.

recovery-title = Konto wiederherstellen
recovery-why = Geben Sie Ihr Passwort ein. Danach richten Sie einen neuen zweiten Faktor ein, der alle verlorenen ersetzt.
recovery-button = Weiter
recovery-waits-title = Noch nicht
recovery-waits-text = Dieser Link gilt ab { $time }. Kommen Sie dann wieder.

invitation-title = { $tenant } beitreten
invitation-member = { $email } ist eingeladen. Ihr Konto behält sein Passwort und alles andere.
invitation-new = { $email } ist eingeladen. Wählen Sie einen Namen und ein Passwort für Ihr Konto.
invitation-problem = Einige Felder brauchen noch einen Blick. Die Einladung bleibt gültig.
invitation-button = Beitreten
invitation-done-title = Willkommen
invitation-done-text = Sie haben die Einladung angenommen und können sich jetzt anmelden.

page-link-over-title = Dieser Link gilt nicht mehr
page-link-over-text = Er ist verbraucht, zu alt, oder ein neuerer wurde gesendet. Fordern Sie einen neuen an.
page-conflict-title = Nichts zu tun
page-conflict-text = Das ist schon geschehen.
page-too-many-title = Zu viele Versuche
page-too-many-text = Warten Sie ein paar Minuten, und versuchen Sie es noch einmal.
page-under-way-title = Im Gange
page-under-way-text = Das geschieht in diesem Augenblick.
page-unavailable-title = Im Moment nicht verfügbar
page-unavailable-text = Versuchen Sie es in ein paar Sekunden noch einmal.
page-forbidden-title = Nicht erlaubt
page-forbidden-text = Das dürfen Sie nicht tun.
page-invalid-title = Das geht nicht
page-invalid-text = Gehen Sie zurück, prüfen Sie Ihre Eingaben, und versuchen Sie es noch einmal.
page-broken-title = Etwas ist schiefgegangen
page-broken-text = Es steht im Protokoll. Versuchen Sie es später noch einmal.
