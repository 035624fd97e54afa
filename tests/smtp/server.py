"""A mail server for the tests: takes mail by SMTP, reads each message with Python's own parser,
and keeps what it read as a JSON file, before it says that it has it."""

import argparse
import asyncio
import email
import email.policy
import itertools
import json
import os
import ssl

from aiosmtpd.smtp import SMTP, AuthResult


class Keeper:
    def __init__(self, options):
        self.folder = options.folder
        self.refusal = options.refuse
        self.refusals = options.times
        self.silent = options.silent_at_first
        self.numbers = itertools.count(len(os.listdir(options.folder)) + 1)

    async def handle_DATA(self, server, session, envelope):
        if self.refusal and self.refusals != 0:
            self.refusals -= 1
            # As real ones do, it quotes the address.
            return f"{self.refusal} <{envelope.rcpt_tos[0]}> is not taken"
        self.keep(server, session, envelope)
        if self.silent:
            self.silent = False
            await asyncio.sleep(3600)
        return "250 kept"

    def keep(self, server, session, envelope):
        message = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        leaves = [part for part in message.walk() if not part.is_multipart()]
        read = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "encrypted": server.transport.get_extra_info("ssl_object") is not None,
            "login": session.auth_data,
            "headers": [[name, str(value)] for name, value in message.items()],
            "type": message.get_content_type(),
            "parts": {part.get_content_type(): part.get_content() for part in leaves},
            "defects": [repr(defect) for part in message.walk() for defect in part.defects],
        }
        path = os.path.join(self.folder, f"{next(self.numbers)}.json")
        with open(path + ".new", "w") as file:
            json.dump(read, file)
        os.rename(path + ".new", path)


def authenticator(expected):
    def judge(server, session, envelope, mechanism, data):
        given = f"{data.login.decode()}:{data.password.decode()}"
        if given != expected:
            return AuthResult(success=False, handled=False)
        return AuthResult(success=True, auth_data=data.login.decode())

    return judge


async def serve(options):
    tls = None
    if options.cert:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.cert, options.key)
    settings = {"enable_SMTPUTF8": False, "hostname": "localhost"}
    if options.login:
        settings |= {"auth_required": True, "authenticator": authenticator(options.login)}
        # It does not know of a connection that was encrypted from the start.
        settings["auth_require_tls"] = not options.implicit
    if tls and not options.implicit:
        settings |= {"tls_context": tls, "require_starttls": True}
    keeper = Keeper(options)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(keeper, **settings),
        "127.0.0.1",
        options.port,
        ssl=tls if options.implicit else None,
    )
    await server.serve_forever()


arguments = argparse.ArgumentParser()
arguments.add_argument("--port", type=int, required=True)
arguments.add_argument("--folder", required=True, help="where mail is kept")
arguments.add_argument("--cert")
arguments.add_argument("--key")
arguments.add_argument("--implicit", action="store_true", help="TLS from the start, not STARTTLS")
arguments.add_argument("--login", help="USER:PASSWORD, without which no mail is taken")
arguments.add_argument("--refuse", help="what mail is answered with, such as 451")
arguments.add_argument("--times", type=int, default=-1, help="how many mails are refused")
arguments.add_argument("--silent-at-first", action="store_true", help="the first is kept and not answered")
asyncio.run(serve(arguments.parse_args()))
