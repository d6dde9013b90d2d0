"""Prints the shell commands of a Markdown file (its ```sh blocks), in order: python3 readme_commands.py FILE"""

import re
import sys

text = open(sys.argv[1], encoding="utf-8").read()
for block in re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
    print(block)
