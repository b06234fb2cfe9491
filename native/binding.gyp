# Warnings are errors in scripts/lint, not here: a compiler newer than ours must not cost anybody the addon.
{
  "targets": [
    {
      "target_name": "b2bmount",
      "sources": ["addon.cc", "file_lock.cc", "quick_xor_hash.cc", "quick_xor_hash_binding.cc"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS"],
      "cflags_cc": ["-std=c++17", "-O3", "-Wall", "-Wextra"],
      "conditions": [
        ["OS=='linux'", {
          "sources": [
            "arguments.cc",
            "byte_ranges.cc",
            "content.cc",
            "descriptors.cc",
            "device.cc",
            "directory_writer.cc",
            "dirty_file.cc",
            "dirty_file_binding.cc",
            "dirty_nodes.cc",
            "echo.cc",
            "exit_guard.cc",
            "lifeline.cc",
            "mounting.cc",
            "node_record.cc",
            "node_table.cc",
            "notifier.cc",
            "open_files.cc",
            "operations.cc",
            "process_end.cc",
            "content_io.cc",
            "replies.cc",
            "request_object.cc",
            "request_queue.cc",
            "server.cc",
            "session.cc",
            "session_options.cc",
            "thread.cc",
            "tls_binding.cc",
            "tls_connection.cc",
            "tls_trust.cc",
            "watches.cc"
          ]
        }]
      ]
    }
  ],
  "conditions": [
    ["OS=='linux'", {
      "targets": [
        {
          "target_name": "b2bmount-lifeline",
          "type": "executable",
          "sources": ["descriptors.cc", "lifeline_main.cc"],
          "cflags_cc": ["-std=c++17", "-O3", "-Wall", "-Wextra"],
          "ldflags": ["-Wl,--as-needed"]
        }
      ]
    }]
  ]
}
