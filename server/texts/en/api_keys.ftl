# API keys of people.

keys-why = A key lets a program of yours call a site without you: a script, a build, a device. It may do what you may there, and nothing else.
keys-yours = Your keys
keys-make = Make a key
keys-none = No keys yet
keys-none-why = Make one where a program has to get in by itself.
tag-expired = Expired
key-good-at = Good at
key-may = may
key-from = Only from
key-since = Made
key-used = last used
key-unused = not used yet
key-until = Expires
key-expired = Expired
key-revoke = Revoke
key-revoke-what = Whatever uses this key is shut out at once. That cannot be undone.
key-revoke-sure = Revoke the key
key-remove = Remove
key-remove-what = The key is good nowhere any more. It leaves this list by itself, too.
key-remove-sure = Remove from the list

key-new = Make an API key
key-new-why = The key is shown once, when it is made. A mail tells you of it.
key-no-sites = No site takes API keys of yours
key-no-sites-why = Ask whoever runs the site that your program should call.
key-name = Name
key-name-hint = What it is for, so that you know it again.
key-name-problem = Give it a name of at most 100 characters.
key-sites = Sites where it is good
key-site-asks = asks for
key-sites-problem = Choose at least one of these sites.
key-scopes = Scopes
key-scopes-hint = Words that the sites know, with spaces between them. Leave it empty where none are asked for.
key-scopes-problem = Write at most 20 scopes, of at most 64 characters each, without quotation marks and backslashes.
key-networks = Only from these networks
key-networks-hint = Addresses or networks that your program calls from, with commas between them: 192.0.2.7, 2001:db8::/32. Leave it empty to have the key good from anywhere.
key-networks-problem = Write at most 16 addresses or networks.
key-no-network = “{ $network }” is neither an address nor a network. Write it like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32.
key-life = Good for
key-life-problem = Choose one of these spans.
key-days = { $n ->
    [one] one day
   *[other] { $n } days
}
key-too-many = You have as many keys as you may have, or your account was changed at the same moment. Revoke a key, and try again.
key-make-button = Make the key

key-made = Your new key
key-made-why = Copy it now. It is never shown again.
key-copy = Copy the key
key-made-hint = Whoever has the key can act for you. Keep it where passwords are kept, and in no source code.
key-kept-button = I have kept it
notice-api-key-kept = The key is good from now on.
notice-api-key-revoked = The key is revoked.
