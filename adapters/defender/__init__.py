"""Microsoft Defender XDR: its incidents over Microsoft Graph."""
