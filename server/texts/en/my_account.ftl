# The pages of an account, for whoever is signed in.

account-skip = Skip to content
account-menu = Menu
account-nav = Your account
account-overview = Overview
account-sites = Sites
account-profile = Profile
account-security = Security
account-devices = Devices
account-sessions = Sessions
account-apps = Connected apps
account-api-keys = API keys
account-activity = Activity

when-now = just now
when-minutes-ago = { $n ->
    [one] a minute ago
   *[other] { $n } minutes ago
}
when-hours-ago = { $n ->
    [one] an hour ago
   *[other] { $n } hours ago
}
when-days-ago = { $n ->
    [one] yesterday
   *[other] { $n } days ago
}
when-in-minutes = { $n ->
    [one] in a minute
   *[other] in { $n } minutes
}
when-in-hours = { $n ->
    [one] in an hour
   *[other] in { $n } hours
}
when-in-days = { $n ->
    [one] tomorrow
   *[other] in { $n } days
}
date = { $day } { $month } { $year }
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December

notice-profile-saved = Your profile is saved.
notice-password-changed = Your password is changed. Everywhere else you are signed out.
notice-factor-added = The new method counts from now on.
notice-factor-renamed = The new name is saved.
notice-factor-preferred = From now on, signing in begins with this method.
notice-factor-removed = The method is removed. Everywhere else you are signed out.
notice-codes-kept = Your backup codes count from now on; older ones do not.
notice-device-ended = The device will be asked for a second step again.
notice-devices-ended = Every device will be asked for a second step again.
notice-session-ended = The session is ended.
notice-sessions-ended = You are signed out everywhere else.
notice-gone = That is not there any more. Nothing was changed.
notice-overtaken = Your account was changed somewhere else at the same moment. Nothing was done; look again.

tag-verified = verified
tag-not-verified = not verified
tag-current = this one
tag-default = asked for first

overview-well = Your account is well protected
overview-well-why = A second step guards every sign-in, and you have backup codes left.
overview-improve = Go to security
advice-second-factor = Add a second step
advice-second-factor-why = Your password alone opens this account. An authenticator app or a security key keeps others out even if they learn it.
advice-no-codes = You have no backup codes left
advice-few-codes = { $n ->
    [one] Only one backup code is left
   *[other] Only { $n } backup codes are left
}
advice-codes-why = They let you in when your second step is not at hand. Make new ones while you can.
overview-password = Password
overview-set = set
overview-none = none
overview-second = Second step
overview-off = off
overview-factors = { $n ->
    [one] one method
   *[other] { $n } methods
}
overview-codes = Backup codes
overview-left = { $n ->
    [one] one left
   *[other] { $n } left
}
overview-sessions = { $n ->
    [one] place where you are signed in
   *[other] places where you are signed in
}
overview-devices = { $n ->
    [one] device that is not asked for a second step
   *[other] devices that are not asked for a second step
}
overview-profile = Your name and what else apps may learn of you, if you let them.
overview-since = Account made

confirm-password-why = You signed in a while ago. To go on, enter your password once more.
problem-wrong-password = This password is not right.

session-unknown = Unknown device
session-browser = In a browser
session-api = Through the sign-in API
session-app = Keeps its access while you are away
session-since = Signed in
session-active = last active
session-apps = Used with:
session-end = End
sessions-why = Every place where your account is signed in. End what you do not recognise, and change your password.
sessions-end-others = Sign out everywhere else
sessions-end-others-what = Every session but this one ends at once, with every app that you used in it. Apps ask you to sign in again.
sessions-end-others-sure = Yes, sign out everywhere else

tag-current-device = this device
device-since = Trusted
device-used = Last used
device-until = counts until
device-end = Stop trusting
devices-why = These devices are not asked for a second step: you chose so when you signed in on them. A change of your password or of a method ends that for all of them.
devices-none = No device is trusted
devices-none-why = Every sign-in asks for your second step. You can tick “Do not ask for a code on this device again” when you sign in.
devices-end-all = Stop trusting all devices
devices-end-all-what = Every device is asked for a second step at its next sign-in. Sessions that rest on a trusted device end at once.
devices-end-all-sure = Yes, trust none of them

security-why = What keeps others out of your account, and lets you in.
password-change = Change password
password-set = Last changed
password-none = You have no password.
password-current = Present password
password-change-what = Everywhere else you are signed out, and every device is asked for a second step again.
strength-1 = Very easy to guess
strength-2 = Easy to guess
strength-3 = Hard to guess
strength-4 = Very hard to guess

factors-why = Signing in asks for one of these beside your password.
factors-none = There is no second step yet
factors-none-why = Whoever learns your password can sign in as you.
factors-add = Add a method
factor-totp = Authenticator app
factor-sms = Codes by SMS
factor-mail = Codes by mail
factor-hardware = Passkey or security key
factor-since = added
factor-used = Last used
factor-unused = Never used
passkey-synced = Can be on your other devices too
passkey-bound = Kept on this one device alone
factor-manage = Manage
factor-add = Add
add-totp = Authenticator app
add-totp-why = An app on your phone shows a new code every half a minute.
add-sms = Codes by SMS
add-sms-why = We send a code to your phone. Others may get hold of a number: an app or a key is safer.
add-mail = Codes by mail
add-mail-why = We mail you a code. As safe as your mailbox is.
add-hardware = Passkey or security key
add-hardware-why = Your fingerprint, your face, or a key that you plug in. Nobody can phish it.
factor-name = Name
factor-name-hint = What to call it
factor-prefer = Ask for this first
factor-prefer-why = Signing in begins with this method. You can still choose another one there.
factor-prefer-button = Begin with this method
factor-remove = Remove
factor-remove-why = Signing in does not take this method any more.
factor-remove-last = This is your only method: with it go the backup codes, and your password alone opens the account.
factor-remove-button = Remove this method
factor-remove-what = Everywhere else you are signed out, and every device is asked for a second step again. We tell you by mail.
factor-remove-sure = Yes, remove it
save-button = Save

codes-why = Each of them stands in once for your second step.
codes-left = { $n ->
    [one] One is left.
   *[other] { $n } are left.
}
codes-renew = Make new codes
codes-renew-what = You get ten new ones, and those that you have are good for nothing any more. Every device is asked for a second step again.
codes-renew-sure = Yes, make new ones
codes-file = Save as a file
codes-file-why = Each code is good once. Keep them where nobody else finds them.
codes-print = To keep them on paper, print this page.

field-must-not-be-empty = Enter something here.
field-must-have-at-most-n-characters-and-no-control-characters = Enter at most { $n } characters, and none that cannot be typed.
field-must-differ-from-the-present-one = This is the password you have. Choose another.
field-must-be-a-web-address-like-https-ada-example = Enter a web address, like https://ada.example.
field-must-be-n-to-n-letters-from-a-to-z-digits-dots-hyphens-or-underscores = Use 3 to 32 letters from a to z, digits, dots, hyphens or underscores.
field-must-be-a-past-date-like-n-n-n-or-a-year = Enter a date that has been, like 1815-12-10, or a year alone.
field-must-be-a-time-zone-like-europe-london = Enter a time zone, like Europe/London.
field-must-be-a-language-tag-like-en-gb = Enter a language tag, like en-GB.
field-is-taken = Somebody else has this name already. Choose another.

profile-why = What you say of yourself here, apps learn only if you let them.
profile-about = About you
profile-contact = How you are reached
profile-address = Postal address
profile-elsewhere = On the web
profile-change = Change
profile-edit = Change your profile
profile-edit-why = Only your name is needed. What you leave empty, nobody is told.
profile-problem = Some fields need another look. Nothing is saved yet.
profile-name = Whole name
profile-given-name = Given name
profile-family-name = Family name
profile-middle-name = Middle name
profile-nickname = Nickname
profile-username = User name
profile-username-hint = You can sign in with it, too.
profile-gender = Gender
profile-birthdate = Date of birth
profile-birthdate-hint = 1815-12-10; 0000-12-10 keeps the year to yourself.
profile-profile = Profile page
profile-website = Website
profile-picture = Picture
profile-locale = Language
profile-locale-hint = en, en-GB, de-CH …
profile-zoneinfo = Time zone
profile-zoneinfo-hint = Europe/London, America/New_York …
profile-formatted = Whole address
profile-street = Street and house
profile-postal-code = Postal code
profile-locality = Town
profile-region = State or region
profile-country = Country
profile-phone = Telephone number

notice-app-ended = The app is disconnected. What it was given counts no more.

sites-why = Sites that you may open with this account.
sites-none = No site is open to you
sites-none-why = When a site lets you in, it is listed here.
site-asks-more = asks for a stronger proof

apps-why = Apps that you let use your account, and what each may do.
apps-none = No app is connected
apps-none-why = When an app asks to use your account and you allow it, it is listed here.
app-since = Connected
app-may = It may
app-first-party = part of this service
app-end = Disconnect
app-end-what = { $client } is signed out at once, and everything it was given counts no more. It asks you again when you next use it.
app-end-sure = Yes, disconnect it

activity-why = What happened to your account in the last three months.
activity-none = Nothing happened yet
activity-newest = Newest
activity-older = Older
activity-by-admin = by an administrator
activity-suspicious = Something here was not you?
activity-other = { $event }
activity-auth-login-success = Signed in
activity-auth-login-failed = A sign-in failed
activity-auth-logout = Signed out
activity-auth-password-changed = Password changed
activity-auth-password-reset-requested = A new password was asked for by mail
activity-auth-mfa-enabled = A second step was added
activity-auth-mfa-disabled = A second step was removed
activity-auth-mfa-updated = A second step was renamed or put first
activity-auth-profile-updated = Profile changed
activity-auth-session-revoked = A session was ended
activity-auth-refresh-reused = A used-up token came back, and its session was ended
activity-auth-account-locked = A second step was locked after too many wrong codes
activity-auth-account-blocked = The account was blocked
activity-auth-account-unblocked = The account was opened again
activity-auth-recovery-issued = A recovery link was made
activity-auth-recovery-used = A recovery link was used
activity-auth-user-created = The account was made
activity-auth-user-updated = Name, roles, organisation or status were changed
activity-auth-email-verified = Mail address verified
activity-auth-email-change-requested = Another mail address was asked for
activity-auth-email-changed = Mail address changed
activity-auth-phone-changed = Telephone number changed
activity-auth-device-trusted = A device is trusted
activity-auth-device-revoked = A device is trusted no more
activity-auth-user-invited = Somebody was invited
activity-auth-tenant-joined = An organisation was joined
activity-auth-api-key-created = An API key was made
activity-auth-api-key-revoked = An API key was revoked
activity-oauth-consent-granted = An app was allowed
activity-oauth-consent-revoked = An app was disconnected
activity-oauth-code-reused = A used-up code came back, and what came of it was ended
activity-oauth-token-revoked = An app gave its access back
activity-reason-password = wrong password
activity-reason-code = wrong code

email-change = Change your mail address
email-change-why = We mail a code to the new address. Until you enter it, nothing changes; then you are signed out everywhere else, and the old address is told.
email-new = New mail address
phone-change = Change your telephone number
phone-change-why = We send a code to the number by SMS. Until you enter it, nothing changes.
phone-new = New telephone number
phone-none = There is none.
phone-remove = Remove the number
phone-remove-what = The number is taken from your account. Codes by SMS, if you have set them up, keep theirs.
phone-remove-sure = Yes, remove it
address-prove = Enter the code
address-anew = Use another one
notice-email-changed = Your mail address is changed. Everywhere else you are signed out.
notice-phone-changed = Your telephone number is changed.
notice-phone-removed = Your telephone number is removed.
