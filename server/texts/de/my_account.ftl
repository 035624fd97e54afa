# Die Seiten eines Kontos, für alle, die angemeldet sind.

account-skip = Zum Inhalt springen
account-menu = Menü
account-nav = Ihr Konto
account-overview = Übersicht
account-sites = Seiten
account-profile = Profil
account-security = Sicherheit
account-devices = Geräte
account-sessions = Sitzungen
account-apps = Verbundene Apps
account-api-keys = API-Schlüssel
account-activity = Aktivität

when-now = gerade eben
when-minutes-ago = { $n ->
    [one] vor einer Minute
   *[other] vor { $n } Minuten
}
when-hours-ago = { $n ->
    [one] vor einer Stunde
   *[other] vor { $n } Stunden
}
when-days-ago = { $n ->
    [one] gestern
   *[other] vor { $n } Tagen
}
when-in-minutes = { $n ->
    [one] in einer Minute
   *[other] in { $n } Minuten
}
when-in-hours = { $n ->
    [one] in einer Stunde
   *[other] in { $n } Stunden
}
when-in-days = { $n ->
    [one] morgen
   *[other] in { $n } Tagen
}
date = { $day }. { $month } { $year }
month-1 = Januar
month-2 = Februar
month-3 = März
month-4 = April
month-5 = Mai
month-6 = Juni
month-7 = Juli
month-8 = August
month-9 = September
month-10 = Oktober
month-11 = November
month-12 = Dezember

notice-profile-saved = Ihr Profil ist gespeichert.
notice-password-changed = Ihr Passwort ist geändert. Überall sonst sind Sie abgemeldet.
notice-factor-added = Die neue Methode gilt ab jetzt.
notice-factor-renamed = Der neue Name ist gespeichert.
notice-factor-preferred = Ab jetzt fragt die Anmeldung zuerst nach dieser Methode.
notice-factor-removed = Die Methode ist entfernt. Überall sonst sind Sie abgemeldet.
notice-codes-kept = Ihre Ersatzcodes gelten ab jetzt, ältere nicht mehr.
notice-device-ended = Das Gerät wird wieder nach einem zweiten Schritt gefragt.
notice-devices-ended = Jedes Gerät wird wieder nach einem zweiten Schritt gefragt.
notice-session-ended = Die Sitzung ist beendet.
notice-sessions-ended = Überall sonst sind Sie abgemeldet.
notice-gone = Das gibt es nicht mehr. Nichts wurde geändert.
notice-overtaken = Ihr Konto wurde im selben Augenblick anderswo geändert. Es ist nichts geschehen; sehen Sie noch einmal nach.

tag-verified = bestätigt
tag-not-verified = nicht bestätigt
tag-current = diese hier
tag-default = wird zuerst gefragt

overview-well = Ihr Konto ist gut geschützt
overview-well-why = Ein zweiter Schritt schützt jede Anmeldung, und Sie haben noch Ersatzcodes.
overview-improve = Zur Sicherheit
advice-second-factor = Richten Sie einen zweiten Schritt ein
advice-second-factor-why = Das Passwort allein öffnet dieses Konto. Eine Authenticator-App oder ein Sicherheitsschlüssel hält andere fern, auch wenn sie es erfahren.
advice-no-codes = Sie haben keine Ersatzcodes mehr
advice-few-codes = { $n ->
    [one] Nur noch ein Ersatzcode ist übrig
   *[other] Nur noch { $n } Ersatzcodes sind übrig
}
advice-codes-why = Mit ihnen kommen Sie hinein, wenn Ihr zweiter Schritt nicht zur Hand ist. Erstellen Sie neue, solange Sie können.
overview-password = Passwort
overview-set = gesetzt
overview-none = keines
overview-second = Zweiter Schritt
overview-off = aus
overview-factors = { $n ->
    [one] eine Methode
   *[other] { $n } Methoden
}
overview-codes = Ersatzcodes
overview-left = { $n ->
    [one] einer übrig
   *[other] { $n } übrig
}
overview-sessions = { $n ->
    [one] Ort, an dem Sie angemeldet sind
   *[other] Orte, an denen Sie angemeldet sind
}
overview-devices = { $n ->
    [one] Gerät, das nicht nach einem zweiten Schritt gefragt wird
   *[other] Geräte, die nicht nach einem zweiten Schritt gefragt werden
}
overview-profile = Ihr Name und was Apps sonst noch über Sie erfahren dürfen, wenn Sie es erlauben.
overview-since = Konto angelegt

confirm-password-why = Ihre Anmeldung liegt eine Weile zurück. Geben Sie zum Fortfahren noch einmal Ihr Passwort ein.
problem-wrong-password = Dieses Passwort stimmt nicht.

session-unknown = Unbekanntes Gerät
session-browser = In einem Browser
session-api = Über die Anmelde-API
session-app = Behält den Zugriff, auch wenn Sie nicht da sind
session-since = Angemeldet
session-active = zuletzt aktiv
session-apps = Verwendet mit:
session-end = Beenden
sessions-why = Jeder Ort, an dem Ihr Konto angemeldet ist. Beenden Sie, was Sie nicht kennen, und ändern Sie Ihr Passwort.
sessions-end-others = Überall sonst abmelden
sessions-end-others-what = Jede Sitzung außer dieser endet sofort, mit jeder App, die Sie darin verwendet haben. Apps fragen Sie wieder nach der Anmeldung.
sessions-end-others-sure = Ja, überall sonst abmelden

tag-current-device = dieses Gerät
device-since = Vertraut
device-used = Zuletzt verwendet
device-until = gilt bis
device-end = Nicht mehr vertrauen
devices-why = Diese Geräte werden nicht nach einem zweiten Schritt gefragt: Das haben Sie bei der Anmeldung so gewählt. Ändern Sie Ihr Passwort oder eine Methode, endet das für alle.
devices-none = Keinem Gerät wird vertraut
devices-none-why = Jede Anmeldung fragt nach Ihrem zweiten Schritt. Bei der Anmeldung können Sie „Auf diesem Gerät nicht mehr nach einem Code fragen“ ankreuzen.
devices-end-all = Keinem Gerät mehr vertrauen
devices-end-all-what = Jedes Gerät wird bei der nächsten Anmeldung nach einem zweiten Schritt gefragt. Sitzungen, die auf einem vertrauten Gerät beruhen, enden sofort.
devices-end-all-sure = Ja, keinem mehr vertrauen

security-why = Was andere von Ihrem Konto fernhält und Sie hineinlässt.
password-change = Passwort ändern
password-set = Zuletzt geändert
password-none = Sie haben kein Passwort.
password-current = Bisheriges Passwort
password-change-what = Überall sonst werden Sie abgemeldet, und jedes Gerät wird wieder nach einem zweiten Schritt gefragt.
strength-1 = Sehr leicht zu erraten
strength-2 = Leicht zu erraten
strength-3 = Schwer zu erraten
strength-4 = Sehr schwer zu erraten

factors-why = Die Anmeldung fragt neben dem Passwort nach einem davon.
factors-none = Es gibt noch keinen zweiten Schritt
factors-none-why = Wer Ihr Passwort erfährt, kann sich als Sie anmelden.
factors-add = Methode hinzufügen
factor-totp = Authenticator-App
factor-sms = Codes per SMS
factor-mail = Codes per E-Mail
factor-hardware = Passkey oder Sicherheitsschlüssel
factor-since = hinzugefügt
factor-used = Zuletzt verwendet
factor-unused = Nie verwendet
passkey-synced = Kann auch auf Ihren anderen Geräten sein
passkey-bound = Nur auf diesem einen Gerät
factor-manage = Verwalten
factor-add = Hinzufügen
add-totp = Authenticator-App
add-totp-why = Eine App auf Ihrem Telefon zeigt jede halbe Minute einen neuen Code.
add-sms = Codes per SMS
add-sms-why = Wir senden einen Code an Ihr Telefon. Eine Nummer kann in fremde Hände geraten: Eine App oder ein Schlüssel ist sicherer.
add-mail = Codes per E-Mail
add-mail-why = Wir mailen Ihnen einen Code. So sicher wie Ihr Postfach.
add-hardware = Passkey oder Sicherheitsschlüssel
add-hardware-why = Ihr Fingerabdruck, Ihr Gesicht oder ein Schlüssel, den Sie einstecken. Niemand kann ihn abfischen.
factor-name = Name
factor-name-hint = Wie sie heißen soll
factor-prefer = Zuerst danach fragen
factor-prefer-why = Die Anmeldung beginnt mit dieser Methode. Eine andere können Sie dort immer noch wählen.
factor-prefer-button = Mit dieser Methode beginnen
factor-remove = Entfernen
factor-remove-why = Die Anmeldung nimmt diese Methode dann nicht mehr.
factor-remove-last = Das ist Ihre einzige Methode: Mit ihr gehen die Ersatzcodes, und das Passwort allein öffnet das Konto.
factor-remove-button = Diese Methode entfernen
factor-remove-what = Überall sonst werden Sie abgemeldet, und jedes Gerät wird wieder nach einem zweiten Schritt gefragt. Wir schreiben Ihnen eine E-Mail.
factor-remove-sure = Ja, entfernen
save-button = Speichern

codes-why = Jeder ersetzt einmal Ihren zweiten Schritt.
codes-left = { $n ->
    [one] Einer ist übrig.
   *[other] { $n } sind übrig.
}
codes-renew = Neue Codes erstellen
codes-renew-what = Sie erhalten zehn neue, und die bisherigen gelten nicht mehr. Jedes Gerät wird wieder nach einem zweiten Schritt gefragt.
codes-renew-sure = Ja, neue erstellen
codes-file = Als Datei speichern
codes-file-why = Jeder Code gilt einmal. Bewahren Sie sie auf, wo niemand sonst sie findet.
codes-print = Drucken Sie diese Seite, wenn Sie sie auf Papier aufbewahren möchten.

field-must-not-be-empty = Geben Sie hier etwas ein.
field-must-have-at-most-n-characters-and-no-control-characters = Geben Sie höchstens { $n } Zeichen ein, und keine, die man nicht tippen kann.
field-must-differ-from-the-present-one = Dieses Passwort haben Sie schon. Wählen Sie ein anderes.
field-must-be-a-web-address-like-https-ada-example = Geben Sie eine Webadresse ein, etwa https://ada.example.
field-must-be-n-to-n-letters-from-a-to-z-digits-dots-hyphens-or-underscores = Verwenden Sie 3 bis 32 Buchstaben von a bis z, Ziffern, Punkte, Binde- oder Unterstriche.
field-must-be-a-past-date-like-n-n-n-or-a-year = Geben Sie ein vergangenes Datum ein, etwa 1815-12-10, oder nur ein Jahr.
field-must-be-a-time-zone-like-europe-london = Geben Sie eine Zeitzone ein, etwa Europe/London.
field-must-be-a-language-tag-like-en-gb = Geben Sie ein Sprachkürzel ein, etwa de-CH.
field-is-taken = Diesen Namen hat schon jemand anderes. Wählen Sie einen anderen.

profile-why = Was Sie hier über sich sagen, erfahren Apps nur, wenn Sie es erlauben.
profile-about = Über Sie
profile-contact = Wie man Sie erreicht
profile-address = Postanschrift
profile-elsewhere = Im Web
profile-change = Ändern
profile-edit = Profil ändern
profile-edit-why = Nur Ihr Name wird gebraucht. Was Sie leer lassen, erfährt niemand.
profile-problem = Einige Felder brauchen noch einen Blick. Es ist noch nichts gespeichert.
profile-name = Vollständiger Name
profile-given-name = Vorname
profile-family-name = Nachname
profile-middle-name = Weiterer Vorname
profile-nickname = Spitzname
profile-username = Benutzername
profile-username-hint = Auch damit können Sie sich anmelden.
profile-gender = Geschlecht
profile-birthdate = Geburtsdatum
profile-birthdate-hint = 1815-12-10; mit 0000-12-10 behalten Sie das Jahr für sich.
profile-profile = Profilseite
profile-website = Website
profile-picture = Bild
profile-locale = Sprache
profile-locale-hint = de, de-CH, en-GB …
profile-zoneinfo = Zeitzone
profile-zoneinfo-hint = Europe/Berlin, America/New_York …
profile-formatted = Ganze Anschrift
profile-street = Straße und Hausnummer
profile-postal-code = Postleitzahl
profile-locality = Ort
profile-region = Bundesland oder Region
profile-country = Land
profile-phone = Telefonnummer

notice-app-ended = Die App ist getrennt. Was sie bekommen hatte, gilt nicht mehr.

sites-why = Seiten, die Sie mit diesem Konto öffnen dürfen.
sites-none = Keine Seite steht Ihnen offen
sites-none-why = Sobald eine Seite Sie einlässt, steht sie hier.
site-asks-more = verlangt einen stärkeren Nachweis

apps-why = Apps, die Ihr Konto verwenden dürfen, und was jede darf.
apps-none = Keine App ist verbunden
apps-none-why = Möchte eine App Ihr Konto verwenden und Sie erlauben es, steht sie hier.
app-since = Verbunden
app-may = Sie darf
app-first-party = gehört zu diesem Dienst
app-end = Trennen
app-end-what = { $client } wird sofort abgemeldet, und alles, was die App bekommen hat, gilt nicht mehr. Bei der nächsten Verwendung fragt sie wieder.
app-end-sure = Ja, trennen

activity-why = Was in den letzten drei Monaten mit Ihrem Konto geschah.
activity-none = Noch ist nichts geschehen
activity-newest = Neueste
activity-older = Ältere
activity-by-admin = durch die Verwaltung
activity-suspicious = Etwas davon waren nicht Sie?
activity-other = { $event }
activity-auth-login-success = Angemeldet
activity-auth-login-failed = Eine Anmeldung ist gescheitert
activity-auth-logout = Abgemeldet
activity-auth-password-changed = Passwort geändert
activity-auth-password-reset-requested = Ein neues Passwort wurde per E-Mail angefordert
activity-auth-mfa-enabled = Ein zweiter Schritt wurde hinzugefügt
activity-auth-mfa-disabled = Ein zweiter Schritt wurde entfernt
activity-auth-mfa-updated = Ein zweiter Schritt wurde umbenannt oder nach vorn gestellt
activity-auth-profile-updated = Profil geändert
activity-auth-session-revoked = Eine Sitzung wurde beendet
activity-auth-refresh-reused = Ein verbrauchtes Token kam zurück; seine Sitzung wurde beendet
activity-auth-account-locked = Ein zweiter Schritt wurde nach zu vielen falschen Codes gesperrt
activity-auth-account-blocked = Das Konto wurde gesperrt
activity-auth-account-unblocked = Das Konto wurde wieder geöffnet
activity-auth-recovery-issued = Ein Link zur Wiederherstellung wurde erstellt
activity-auth-recovery-used = Ein Link zur Wiederherstellung wurde verwendet
activity-auth-user-created = Das Konto wurde angelegt
activity-auth-user-updated = Name, Rollen, Organisation oder Status wurden geändert
activity-auth-email-verified = E-Mail-Adresse bestätigt
activity-auth-email-change-requested = Eine andere E-Mail-Adresse wurde gewünscht
activity-auth-email-changed = E-Mail-Adresse geändert
activity-auth-phone-changed = Telefonnummer geändert
activity-auth-device-trusted = Einem Gerät wird vertraut
activity-auth-device-revoked = Einem Gerät wird nicht mehr vertraut
activity-auth-user-invited = Jemand wurde eingeladen
activity-auth-tenant-joined = Einer Organisation beigetreten
activity-auth-api-key-created = Ein API-Schlüssel wurde erstellt
activity-auth-api-key-revoked = Ein API-Schlüssel wurde widerrufen
activity-oauth-consent-granted = Eine App wurde zugelassen
activity-oauth-consent-revoked = Eine App wurde getrennt
activity-oauth-code-reused = Ein verbrauchter Code kam zurück; was daraus entstand, wurde beendet
activity-oauth-token-revoked = Eine App hat ihren Zugriff zurückgegeben
activity-reason-password = falsches Passwort
activity-reason-code = falscher Code

email-change = E-Mail-Adresse ändern
email-change-why = Wir mailen einen Code an die neue Adresse. Solange Sie ihn nicht eingeben, ändert sich nichts; dann werden Sie überall sonst abgemeldet, und die alte Adresse erfährt davon.
email-new = Neue E-Mail-Adresse
phone-change = Telefonnummer ändern
phone-change-why = Wir senden einen Code per SMS an die Nummer. Solange Sie ihn nicht eingeben, ändert sich nichts.
phone-new = Neue Telefonnummer
phone-none = Es gibt keine.
phone-remove = Nummer entfernen
phone-remove-what = Die Nummer wird aus Ihrem Konto entfernt. Codes per SMS behalten ihre, wenn Sie sie eingerichtet haben.
phone-remove-sure = Ja, entfernen
address-prove = Code eingeben
address-anew = Eine andere verwenden
notice-email-changed = Ihre E-Mail-Adresse ist geändert. Überall sonst sind Sie abgemeldet.
notice-phone-changed = Ihre Telefonnummer ist geändert.
notice-phone-removed = Ihre Telefonnummer ist entfernt.
