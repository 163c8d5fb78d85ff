"""Loads the library, sends a command, and unloads it, 1,000 times (argv: library, port)."""

import _ctypes
import ctypes
import sys

library, port = sys.argv[1:3]


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1])


def cycle():
    loaded = ctypes.CDLL(library)
    loaded.ecf_client_new.restype = ctypes.c_void_p
    client = ctypes.c_void_p(loaded.ecf_client_new())
    for key, value in ((b"ECF_HOST", b"127.0.0.1"), (b"ECF_PORT", port.encode())):
        assert loaded.ecf_client_set(client, key, value) == 0
    words = (ctypes.c_char_p * 1)(b"--server_version")
    assert loaded.ecf_send_user_cmd(client, 1, words, None) == 0
    loaded.ecf_client_free(client)
    handle = loaded._handle
    del loaded
    _ctypes.dlclose(handle)


for _ in range(100):
    cycle()
before = resident()
for _ in range(900):
    cycle()
grown = resident() - before
with open("/proc/self/maps") as maps:
    mapped = sum("ecf_failover" in line for line in maps)
print("pages grown", grown, "still mapped", mapped)
assert grown < 100 and mapped == 0
