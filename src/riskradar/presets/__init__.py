"""Presets: settings in TOML files beside this one."""
