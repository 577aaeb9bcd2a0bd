"""Commands as a client of a server: `tieline web` of the workspace, or one that somebody logged in to.

sessions     which server that is, and how one shows who asks
calls        one call over HTTP, and what each answer means
index        the commands that a server offers, kept beside what else a machine may lose
thin         a command that a server does
keeping      how both kinds of files are written
login        logging in and out, and asking who one is

Nothing of the engine, of the store or of a plugin is imported here: that is what makes a command quick.
"""
