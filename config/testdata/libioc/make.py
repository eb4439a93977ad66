#!/usr/bin/env python3
"""Writes config.json as libioc does: nested, sorted, indented by four, every scalar a string.

make.py            write config.json beside this file
make.py compare    read a configuration from standard input, and fail if it says anything else
"""
import json
import os
import sys

DATA = {
    "allow_raw_sockets": "yes",
    "basejail": "no",
    "boot": "none",
    "exec_start": "/bin/sh -c \"echo 'hello' && echo \\\\ $HOME\" > /dev/null",
    "host_hostname": "web.example.org",
    "host_hostuuid": "d1c0ffee-0000-11ee-8000-000000000000",
    "id": "web",
    "interfaces": "vnet0:bridge0",
    "ip4_addr": "vnet0|10.0.0.2/24,vnet0|10.0.0.3/24",
    "memoryuse": "1G",
    "notes": "Grüße aus Köln\n\t☃ 日本語 \U0001f600 \u2028 \x7f \x01 </b> & <i>",
    "priority": "0",
    "release": "13.2-RELEASE",
    "tags": "",
    "template": "-",
    "user": {"a": {"b.c": "1", "empty": ""}, "Ünï": "x"},
    "vnet": "no",
}


def main() -> None:
    if sys.argv[1:] == ["compare"]:
        got = json.load(sys.stdin)
        if got != DATA:
            sys.exit(f"it says {got!r}, not {DATA!r}")
        return
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "config.json")
    with open(path, "w", encoding="UTF-8") as f:
        f.write(json.dumps(DATA, sort_keys=True, indent=4))


main()
