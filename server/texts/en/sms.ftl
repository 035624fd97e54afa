# Messages to telephones: short, and of characters that every telephone shows.

sms-code = Your code is { $code }. It is good for ten minutes. Never tell it to anybody.
