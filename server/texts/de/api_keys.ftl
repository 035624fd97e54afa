# API-Schlüssel von Personen.

keys-why = Mit einem Schlüssel ruft ein Programm eine Website ohne Sie auf: ein Skript, ein Build, ein Gerät. Es darf dort, was Sie dürfen, und sonst nichts.
keys-yours = Ihre Schlüssel
keys-make = Schlüssel erstellen
keys-none = Noch keine Schlüssel
keys-none-why = Erstellen Sie einen, wo ein Programm ohne Sie hineinkommen muss.
tag-expired = Abgelaufen
key-good-at = Gilt bei
key-may = darf
key-from = Nur von
key-since = Erstellt
key-used = zuletzt benutzt
key-unused = noch nicht benutzt
key-until = Ablauf:
key-expired = Abgelaufen:
key-revoke = Widerrufen
key-revoke-what = Was diesen Schlüssel benutzt, wird sofort ausgesperrt. Das lässt sich nicht rückgängig machen.
key-revoke-sure = Schlüssel widerrufen
key-remove = Entfernen
key-remove-what = Der Schlüssel gilt nirgends mehr. Er verschwindet auch von selbst aus der Liste.
key-remove-sure = Aus der Liste entfernen

key-new = API-Schlüssel erstellen
key-new-why = Der Schlüssel wird nur einmal angezeigt, gleich nach dem Erstellen. Sie werden per E-Mail benachrichtigt.
key-no-sites = Keine Website nimmt API-Schlüssel von Ihnen an
key-no-sites-why = Fragen Sie, wer die Website betreibt, die Ihr Programm aufrufen soll.
key-name = Name
key-name-hint = Wofür er ist, damit Sie ihn wiedererkennen.
key-name-problem = Geben Sie ihm einen Namen mit höchstens 100 Zeichen.
key-sites = Websites, bei denen er gilt
key-site-asks = verlangt
key-sites-problem = Wählen Sie mindestens eine dieser Websites.
key-scopes = Berechtigungen
key-scopes-hint = Wörter, die die Websites kennen, mit Leerzeichen dazwischen. Lassen Sie das Feld leer, wenn keine verlangt werden.
key-scopes-problem = Schreiben Sie höchstens 20 Berechtigungen mit je höchstens 64 Zeichen, ohne Anführungszeichen und umgekehrte Schrägstriche.
key-networks = Nur aus diesen Netzen
key-networks-hint = Adressen oder Netze, aus denen Ihr Programm aufruft, mit Kommas dazwischen: 192.0.2.7, 2001:db8::/32. Lassen Sie das Feld leer, wenn der Schlüssel von überall gelten soll.
key-networks-problem = Schreiben Sie höchstens 16 Adressen oder Netze.
key-no-network = „{ $network }“ ist weder eine Adresse noch ein Netz. Schreiben Sie zum Beispiel 192.0.2.7, 192.0.2.0/24 oder 2001:db8::/32.
key-life = Gültig für
key-life-problem = Wählen Sie eine dieser Zeitspannen.
key-days = { $n ->
    [one] einen Tag
   *[other] { $n } Tage
}
key-too-many = Sie haben so viele Schlüssel, wie Sie haben dürfen, oder Ihr Konto wurde im selben Moment geändert. Widerrufen Sie einen und versuchen Sie es noch einmal.
key-make-button = Schlüssel erstellen

key-made = Ihr neuer Schlüssel
key-made-why = Kopieren Sie ihn jetzt. Er wird nie wieder angezeigt.
key-copy = Schlüssel kopieren
key-made-hint = Wer den Schlüssel hat, kann für Sie handeln. Bewahren Sie ihn auf wie ein Passwort und schreiben Sie ihn in keinen Quelltext.
key-kept-button = Ich habe ihn aufbewahrt
notice-api-key-kept = Der Schlüssel gilt ab jetzt.
notice-api-key-revoked = Der Schlüssel ist widerrufen.
