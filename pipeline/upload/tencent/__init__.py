"""Tencent Cloud's digital humans."""
