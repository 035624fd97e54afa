# Pages behind mailed links, and what any page says when something is wrong.

field-email = Mail address
field-name = Name
field-new-password = New password
password-hint = 8 to 128 characters; three or four uncommon words do well.

field-must-be-a-mail-address-like-ada-example-com = Enter a mail address, like ada@example.com.
field-must-be-a-telephone-number-like-n-n-n = Enter a telephone number with the code of its country, like +49 1512 3456789.
field-is-missing = Fill this in.
field-is-the-address-of-this-account-already = This is the address of your account already.
field-is-the-number-of-this-account-already = This is the number of your account already.
field-belongs-to-an-account-already = There is an account with this address already.
field-must-have-n-to-n-characters = Enter 1 to { $n } characters.
field-must-have-at-least-n-characters = Use at least { $n } characters.
field-must-have-at-most-n-characters = Use at most { $n } characters.
field-must-not-contain-control-characters = Leave out characters that cannot be typed.
field-is-one-of-the-passwords-that-are-tried-first-choose-another = This is one of the passwords that are tried first. Choose another.
field-is-too-easy-to-guess-use-more-words-or-less-common-ones = This is too easy to guess. Use more words, or less common ones.
field-is-not-the-authenticator-s-present-code = This is not the code that the authenticator shows now.

setup-title = Set up the first administrator
setup-why = An account with a password and an authenticator app: the admin surface opens with both, and with nothing less.
setup-problem = Some fields need another look. The authenticator you added stays good.
setup-authenticator = Authenticator app
setup-scan = Scan the code with an authenticator app, or enter this key by hand:
setup-button = Create the administrator
setup-done-title = The administrator is ready
setup-done-text = { $email } can sign in now, with password and authenticator.

verify-email-title = Verify your mail address
verify-email-why = One click, and your account is active.
verify-email-button = Verify my address
verify-email-done-title = Your address is verified
verify-email-done-text = Your account is active: you can sign in now.

forgot-title = Forgot your password?
forgot-why = Enter the mail address of your account. We mail you a link to choose a new password.
forgot-button = Mail me the link
forgot-back = Back to sign-in
forgot-sent-title = Look in your mailbox
forgot-sent-text = If this address belongs to an account, we have mailed a link to it. With it you can choose a new password; it is good for half an hour.
forgot-sent-hint = Nothing there? Look in the spam folder, and check the address you entered.

reset-title = Choose a new password
reset-why = For { $email }. It signs you out everywhere.
reset-problem = This password cannot be taken. The link stays good.
reset-button = Change the password
reset-done-title = Your password is changed
reset-done-text = You are signed out everywhere, and can sign in with the new password now.

not-me-title = Was this not you?
not-me-why = This closes the account of { $email }:
not-me-ends = You are signed out everywhere, and no device, app, API key or code that was asked for counts any more.
not-me-removes = Every second factor that was set up in the last 7 days is removed, as is a telephone number that was proved in them.
not-me-closes = Nobody signs in until you have chosen a new password, by a link that we mail you, or until an administrator opens the account.
not-me-button = It was not me: close my account
not-me-else = If it was you, leave this page: nothing has happened.
not-me-done-title = Your account is closed
not-me-done-text = You are signed out everywhere. We are mailing you a link: choose a new password with it, and your account is open again.
not-me-disabled-title = Your account is closed
not-me-disabled-text = You are signed out everywhere. A mailbox alone must not open this account again: ask an administrator to do it.
not-me-used-title = You have told us already
not-me-used-text = This link was used before. To open your account again, choose a new password with “Forgot your password?”, or ask an administrator.

recovery-title = Recover your account
recovery-why = Enter your password. Then you set up a new second factor, which takes the place of all that you have lost.
recovery-button = Continue
recovery-waits-title = Not yet
recovery-waits-text = This link can be used from { $time } on. Come back then.

invitation-title = Join { $tenant }
invitation-member = { $email } is invited. Your account keeps its password and everything else.
invitation-new = { $email } is invited. Choose a name and a password for your account.
invitation-problem = Some fields need another look. The invitation stays good.
invitation-button = Join
invitation-done-title = Welcome
invitation-done-text = You have accepted the invitation, and can sign in now.

page-link-over-title = This link does not work any more
page-link-over-text = It is spent, too old, or a newer one was sent. Ask for a new one.
page-conflict-title = Nothing to do
page-conflict-text = This has been done already.
page-too-many-title = Too many tries
page-too-many-text = Wait a few minutes, then try again.
page-under-way-title = Under way
page-under-way-text = This is being done at this moment.
page-unavailable-title = Not available at this moment
page-unavailable-text = Try again in a few seconds.
page-forbidden-title = Not allowed
page-forbidden-text = You may not do this.
page-invalid-title = This cannot be done
page-invalid-text = Go back, check what you entered, and try again.
page-broken-title = Something went wrong
page-broken-text = It has been written to the log. Try again later.
