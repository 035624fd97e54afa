# Signing in: password, second factor, choice of the account.

for-client = to continue to { $client }
continue-button = Continue
not-you = Not you?
cancel-button = Cancel
foot-support = Need help? { $support }
foot-by = Protected by Signalbox

field-username = Mail address or user name
field-password = Password
field-code = Code
field-remember = Keep me signed in on this device
field-trust-device = Do not ask for a code on this device again
password-show = Show
password-hide = Hide
copy = Copy
copied = Copied

sign-in-title = Sign in
sign-in-button = Sign in
sign-in-forgot = Forgot your password?
sign-in-passkey = Sign in with a passkey

second-factor-title = Confirm it is you
second-factor-totp = Enter the six-digit code that your authenticator app shows.
second-factor-mailed = We have mailed you a code. It is good for ten minutes.
second-factor-mailed-to = We have mailed a code to { $address }. It is good for ten minutes.
second-factor-sms = We have sent you a code by SMS. It is good for ten minutes.
second-factor-sms-to = We have sent a code by SMS to { $number }. It is good for ten minutes.
second-factor-backup = Enter one of the backup codes that you kept. Each is good once.
second-factor-button = Confirm
second-factor-again = Send the code again
method-totp = Use the authenticator app
method-mail = Get a code by mail
method-sms = Get a code by SMS
method-hardware = Use a passkey or security key
method-backup = Use a backup code

second-factor-passkey = Use your passkey or security key. Your browser shows you what to do.
passkey-button = Use my passkey
passkey-failed = That did not work: no passkey answered, or you went no further. Try again, or choose another way.
passkey-unavailable = This browser cannot use passkeys here. Choose another way below.
passkey-unavailable-alone = This browser cannot use passkeys here. Open this page in another one, with JavaScript switched on.

step-up-title = One more step
step-up-why = What you are about to do asks for a second proof that it is you.
reauthenticate-title = Confirm it is you
reauthenticate-why = You signed in a while ago. To go on, prove once more that it is you.

enrol-title = Set up your authenticator
enrol-why = Your account needs a second step at sign-in: a code from an app on your telephone.
enrol-scan = Scan this code with an authenticator app.
enrol-qr = QR code for your authenticator app
enrol-by-hand = Or enter this key by hand:
enrol-code = Enter the six-digit code that the app shows.
enrol-button = Turn it on
enrol-passkey-title = Set up a passkey
enrol-passkey-why = Your account needs a passkey or security key: you sign in with your finger, your face, a PIN or a key that you touch, and nobody can lure it out of you.
enrol-name = Name of the app
enrol-name-example = Private phone
enrol-name-hint = So that you know it again. You may leave it out.
enrol-passkey-name = Name of the passkey
enrol-passkey-example = Work laptop
enrol-passkey-hint = So that you know it again. You may leave it out.
enrol-passkey-button = Make the passkey
enrol-passkey-done-title = Your passkey is ready
enrol-passkey-done-text = From now on you can sign in with it.
enrol-done-title = Your authenticator is on
enrol-done-text = From now on, signing in asks for its code.

enrol-sms-title = Get codes by SMS
enrol-sms-why = Your account needs a second step at sign-in: a code that we send to your telephone.
field-phone = Telephone number
phone-hint = With the code of its country, like +49 1512 3456789.
enrol-phone-own = Leave it empty to use { $phone }.
enrol-phone-button = Send me a code
enrol-phone-other = Use another number
enrol-sms-done-title = Codes by SMS are on
enrol-mail-title = Get codes by mail
enrol-mail-done-title = Codes by mail are on
enrol-sent-done-text = From now on, signing in asks for a code that we send you.

backup-title = Keep your backup codes
backup-why = Each of them is good once, when your authenticator or passkey is not at hand. They are shown only now: print them, or keep them in a password manager.
backup-copy = Copy all codes
backup-button = I have kept them, continue

choose-account-title = Choose an account
choose-account-other = Use another account

problem-wrong-credentials = That name and password do not belong together. Check both and try again.
problem-address-not-verified = Your mail address is not verified yet. Open the link that we mailed you, then sign in again.
problem-wrong-code = This code does not count: it is wrong, was used already, or is too old.
problem-passkey = This passkey does not count here: it is not one of this account, was used already, or took too long. Try again, or choose another way.
problem-passkey-model = This passkey is of a kind that does not count here. Use another one.
problem-factor-locked = Too many wrong codes: this way of confirming is locked. Choose another one, or ask for help.
problem-sign-in-over = That took too long. Enter your password once more.
problem-unknown-device = There is no device with this code, or it has given up. Compare the code with the one on the device.
problem-too-many = Too many tries. { $minutes ->
    [one] Wait a minute, then try again.
   *[other] Wait { $minutes } minutes, then try again.
}
problem-busy = We cannot answer at this moment. Try again in a few seconds.

signed-in-title = You are signed in
signed-in-text = This browser knows you now. You can close this page.
