import logging

# peft imports bitsandbytes wherever it is installed, and that reports a kernel which nothing here asks for.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
