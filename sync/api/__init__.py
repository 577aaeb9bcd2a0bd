"""The API: every act as a call of a program, in a process of its own beside the daemon.

application     what is asked for goes in by one door, and every answer goes out by it
signing_in      who asks, by a token
bodies          what came along, read strictly
problems        what can be wrong with a call, each with a name that stays
rates           how often somebody may ask
serving         the process around it
"""
