"""Why a server cannot start or be stopped: one clear sentence for the person at the terminal.

ServerError
├── DataDirRefused   the data directory is somebody else's, of a newer version, or cannot be written
│   └── DataDirInUse   another server has it
├── PortRefused      the address cannot be listened on
├── SettingRefused   a setting has a value that means nothing
└── StartFailed      anything else that ended the start, and where to read more
"""


class ServerError(Exception):
    """The text is for a person, and says what to do."""


class DataDirRefused(ServerError):
    pass


class DataDirInUse(DataDirRefused):
    pass


class PortRefused(ServerError):
    pass


class SettingRefused(ServerError):
    pass


class StartFailed(ServerError):
    pass
