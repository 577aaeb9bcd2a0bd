"""The command line. `main.py` lists the commands; each group has a module, imported only when it is asked for."""
