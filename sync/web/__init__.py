"""The console: pages for people, served beside the API by the process that serves that.

console         what is asked for goes in by one door, and every answer goes out by it
gate            who is signed in, signing in and out, and what keeps other sites and those who guess out
pages           which page an address means, and what its views show to whoever looks
drawing         templates, and how what strangers wrote is made harmless
live            what happens, to whoever has a page open: drawn once for all who see the same
"""
