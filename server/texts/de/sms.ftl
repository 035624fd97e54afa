# Nachrichten an Telefone: kurz, und aus Zeichen, die jedes Telefon zeigt.

sms-code = Ihr Code ist { $code }. Er gilt zehn Minuten. Geben Sie ihn an niemanden weiter.
