"""Huawei Cloud MetaStudio."""
