"""What a far end is told and tells: fields by the names of its documents, which change with every platform and call.

Python's types could only repeat the platform's tables. They are the types: `upload.protocol` holds what is sent against
them, reads answers by them and nothing else (`Reply`), and `upload.order.Table` does the same for an order.
"""

from typing import Any

Fields = dict[str, Any]
