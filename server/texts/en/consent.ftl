# What clients and devices ask for, signing out, and what may go wrong on the way.

consent-title = Let { $client } use your account?
consent-asks = { $client } would like to
consent-audience = act for you at { $audience }
consent-answered-at = Your answer goes to { $host }.
consent-remembered = You will not be asked again for the same.
decision-allow = Allow
decision-deny = Do not allow
client-home = Website
client-policy = Privacy policy
client-terms = Terms of service

scope-openid = know who you are
scope-profile = see your name and profile
scope-email = see your mail address
scope-address = see your postal address
scope-phone = see your telephone number
scope-offline-access = keep this access while you are away, until you end its session
scope-other = use “{ $scope }”

claim-name = see your full name
claim-given-name = see your given name
claim-family-name = see your family name
claim-middle-name = see your middle name
claim-nickname = see your nickname
claim-preferred-username = see your user name
claim-profile = see the address of your profile page
claim-picture = see your picture
claim-website = see your website
claim-email = see your mail address
claim-email-verified = see whether your mail address is verified
claim-gender = see your gender
claim-birthdate = see your date of birth
claim-zoneinfo = see your time zone
claim-locale = see your language
claim-phone-number = see your telephone number
claim-phone-number-verified = see whether your telephone number is verified
claim-address = see your postal address
claim-updated-at = see when your profile last changed
claim-other = see “{ $claim }”

device-title = Connect a device
device-ask = Enter the code that your device shows.
field-user-code = Code on the device
device-warning = Go on only if the device is yours, and in front of you. Nobody from here will ever ask you for such a code.
device-confirm-title = Connect { $client }?
device-compare = Does the device show this code?
device-allowed-title = Your device is connected
device-allowed-text = Go on there. You can close this page.
device-denied-title = The device was not let in
device-denied-text = Nothing has changed. You can close this page.

sign-out-title = Sign out?
sign-out-client = { $client } asks to sign you out.
sign-out-what = This ends your session in this browser, and tells the apps that you used with it.
sign-out-what-all = This ends the sessions of all these accounts in this browser, and tells the apps that you used with them.
sign-out-button = Sign out
sign-out-stay = Stay signed in
sign-out-stayed-title = You stay signed in
sign-out-stayed-text = Nothing has changed. You can close this page.
signed-out-title = You are signed out
signed-out-text = On a shared device, close the browser too.
signed-out-one-title = { $address } is signed out
signed-out-left = Still signed in in this browser:
signed-out-all = Sign out here too
signed-out-continue = Continue to { $client }
signed-out-frame = Signs you out of an app

flow-over-title = This sign-in is over
flow-over-why = It took too long, or was finished in another tab. Nothing was lost: just begin again.
flow-over-client = Begin again at { $client }.
flow-over-link = Back to { $client }
flow-over-anywhere = Go back to the app that you came from, and sign in there again.

form-post-title = One moment
form-post-ask = Your answer is ready to be sent.

error-title = This sign-in cannot go on
error-back = Go back
error-details = For the developers of the app
error-code = Code
error-what = What is wrong
error-request = Request
error-other = The app that sent you here asked for something that is not possible. You did nothing wrong; tell the people who run it.
error-invalid-request = The app that sent you here made a request that is incomplete or wrong. You did nothing wrong; tell the people who run it.
error-invalid-client = The app that sent you here is not known here. You did nothing wrong; go on only if you trust where you came from.
error-unauthorized-client = The app that sent you here may not sign people in this way. You did nothing wrong; tell the people who run it.
error-invalid-redirect-uri = The app that sent you here wants its answer at an address that is not registered for it. For your safety, nothing was sent there.
error-invalid-request-uri = This sign-in was used already, or is too old. Go back to the app, and sign in there again.
error-access-denied = You did not allow it, so nothing was shared.
error-temporarily-unavailable = We cannot answer at this moment. Try again in a few seconds.
error-server-error = Something went wrong on our side. It has been written to the log; try again later.
error-login-required = You have to sign in first.
error-not-found = There is no such page.
error-too-many = Too many tries. Wait a few minutes, then try again.
