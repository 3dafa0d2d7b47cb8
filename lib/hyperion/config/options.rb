# frozen_string_literal: true

require_relative "bind"
require_relative "kinds"
require_relative "log_format"
require_relative "option"
require_relative "thread_count"

module Hyperion
  # Every option, declared once.
  module Options
    KIB = 1024
    MIB = 1024 * KIB
    GIB = 1024 * MIB
    MANY = 1_000_000

    TOPICS = { network: "Addresses", tls: "TLS", processes: "Processes and threads", app: "The app", routes: "Routes and files",
               limits: "Limits", h2: "HTTP/2", deadlines: "Timeouts", admin: "Administration", log: "Log" }.freeze

    count = ->(range, **rest) { Kinds::Count.new(range, **rest) }
    seconds = ->(least, **rest) { Kinds::Seconds.new(least, **rest) }

    ALL = [
      Option.new(:bind, Bind::List.new, "127.0.0.1", "Address to listen on; may be repeated. Default: 127.0.0.1 in development and test, every address elsewhere. host, host:port and [address]:port use TLS if a certificate is configured. tcp://host:port never uses TLS. ssl://host:port always does, with its own certificate if ?cert=PATH&key=PATH is given. unix://path?mode=0660 is a UNIX socket. [::] accepts IPv4 too. If only UNIX sockets are given, port adds a TCP address.", topic: :network, letter: "b", known: %w[HOST BINDING], foreign: /-(?:linux|darwin|apple)/),
      Option.new(:port, count[0..65_535], 9292, "Port of each address without one. 0 lets the kernel pick a free port, which the banner prints.", topic: :network, letter: "p", known: %w[PORT], foreign: %r{\Atcp://}),
      Option.new(:io, Kinds::Choice.new(:auto, :epoll, :io_uring), :auto, "I/O interface of the kernel. io_uring falls back to epoll, with a warning, if the kernel refuses it.", topic: :network, synonyms: { "HYPERION_IO_URING_ACCEPT" => { "1" => "io_uring" } }),

      Option.new(:tls_cert, Kinds::Paths.new, nil, "PEM file with a certificate and its intermediate certificates; may be repeated. The first one is used for clients without SNI or with an unknown name. Reloaded when it changes.", topic: :tls),
      Option.new(:tls_key, Kinds::Paths.new, nil, "PEM file with the private key, without a passphrase; one for each tls_cert, in the same order.", topic: :tls),
      Option.new(:tls_self_signed, Kinds::Switch.new, false, "Create a certificate in memory for localhost, 127.0.0.1, ::1 and the host of the address; for development.", topic: :tls),
      Option.new(:tls_min_version, Kinds::Choice.new(:"1.2", :"1.3"), :"1.2", "Oldest TLS version to accept.", topic: :tls),
      Option.new(:tls_strict_sni, Kinds::Switch.new, false, "Refuse TLS handshakes whose server name matches no certificate, and answer 421 to requests whose host is not in the connection's certificate.", topic: :tls),
      Option.new(:tls_client_auth, Kinds::Choice.new(:none, :optional, :required), :none, "Ask clients for a certificate: never, optionally, or refuse those without. The app finds it in env.", topic: :tls),
      Option.new(:tls_client_ca, Kinds::Text.new("PATH"), nil, "PEM file with the CA certificates that client certificates are verified against.", topic: :tls),
      Option.new(:tls_handshake_timeout, seconds[0.1], 10, "Maximum time for a TLS handshake.", topic: :tls),
      Option.new(:tls_handshake_rate_limit, count[1..MANY, words: %i[unlimited]], :unlimited, "Maximum TLS handshakes per second and worker; further connections are closed.", topic: :tls),

      Option.new(:workers, count[0..1024, words: %i[auto]], 1, "Number of worker processes. 0 and 1 mean one process without a master; auto means one for each CPU that the machine and its cgroup allow.", topic: :processes, letter: "w", known: %w[WEB_CONCURRENCY], cluster: true),
      Option.new(:threads, Kinds::ThreadCount.new(1..1024), 5, "Number of Ruby threads in each worker that run the app.", topic: :processes, letter: "t", aliases: %i[thread_count], known: %w[RAILS_MAX_THREADS]),
      Option.new(:async_io, Kinds::Switch.new, false, "Run each request in a fiber of its own: one that waits for I/O, a lock or a time lets other requests of its thread go on.", topic: :processes),
      Option.new(:fibers, count[1..MANY], 256, "Maximum number of requests in fibers in each worker, with async_io.", topic: :processes),
      Option.new(:worker_model, Kinds::Choice.new(:share, :reuseport), RUBY_PLATFORM.include?("linux") ? :reuseport : :share, "share: all workers accept from one socket. reuseport: each worker has its own socket with SO_REUSEPORT.", topic: :processes, cluster: true),
      Option.new(:worker_timeout, seconds[2], 60, "Maximum time without a heartbeat, or without progress while requests wait; then the worker is replaced. Its backtraces are logged after a third of this time.", topic: :processes, cluster: true),
      Option.new(:worker_boot_timeout, seconds[1], 60, "Maximum time from the fork of a worker until it serves; then its backtraces are logged and it is killed. Also the maximum time of before_fork.", topic: :processes, cluster: true),
      Option.new(:worker_boot_retry_timeout, seconds[0], 60, "How long workers that die before they serve are started again; then the server exits.", topic: :processes, cluster: true),
      Option.new(:worker_max_rss_mb, count[1..MANY, words: %i[auto]], nil, "Replace a worker that uses more memory than this many MiB; it serves until its successor does. Shared memory counts in proportion. auto is a share of the cgroup's limit.", topic: :processes, cluster: true),
      Option.new(:worker_max_requests, count[1..MANY * 1000], nil, "Replace a worker after this many requests, or up to a tenth more; it serves until its successor does.", topic: :processes, cluster: true),
      Option.new(:graceful_timeout, seconds[0], 30, "Maximum time that a stop waits for requests in flight.", topic: :processes),
      Option.new(:drain_delay, seconds[0], 0, "How long a server goes on serving after it was told to stop, while /-/ready answers 503, so that load balancers notice.", topic: :processes, cluster: true),
      Option.new(:pid_file, Kinds::Text.new("PATH"), nil, "File for the process ID of the master, or of the only process; removed at the end.", topic: :processes, aliases: %i[pidfile], cluster: true),

      Option.new(:config, Kinds::Text.new("PATH"), nil, "Configuration file. Default: config/hyperion.rb if it exists.", topic: :app, letter: "C", cluster: true),
      Option.new(:environment, Kinds::Text.new("NAME"), "development", "Environment of the app; sets RACK_ENV.", topic: :app, letter: "e", known: %w[RACK_ENV RAILS_ENV APP_ENV]),
      Option.new(:preload, Kinds::Switch.new, true, "Load the app in the master, before workers are forked.", topic: :app, cluster: true),
      Option.new(:yjit, Kinds::Switch.new(words: %i[auto]), :auto, "Compile with YJIT. auto does so if this Ruby can enable it at run time.", topic: :app, cluster: true),
      Option.new(:stream_request_bodies, Kinds::Switch.new, false, "Call the app as soon as the request's head has arrived; reading rack.input waits for the body. Off, the app is called after the body has arrived, except for gRPC.", topic: :app),
      Option.new(:early_hints, Kinds::Choice.new(:off, :http2, :on), :http2, "Send early hints (103) of the app to no client, to HTTP/2 clients only, or to HTTP/1.1 clients too. nginx and the standard clients of Python and Java mistake a 103 over HTTP/1.1 for the response. env has rack.early_hints only where they are sent.", topic: :app),

      Option.new(:native_routes, Kinds::Switch.new, true, "Answer static routes and files in the engine. Off, the threads that run the app answer them.", topic: :routes, synonyms: { "HYPERION_C_ACCEPT_LOOP" => { "0" => "false" } }),
      Option.new(:preload_static, Kinds::Directories.new, nil, "Serve the files of this directory at /; may be repeated. The files must never change. Requests for other paths go to the app.", topic: :routes),
      Option.new(:sendfile_header, Kinds::Choice.new(:off, :"x-sendfile", :"x-accel-redirect"), :off, "Response header with which the app sends a file: x-sendfile takes a path, x-accel-redirect a path below a mount. off passes such headers on to the client.", topic: :routes),
      Option.new(:static_cache_bytes, Kinds::Bytes.new(0..1024 * GIB), 64 * MIB, "Memory in each worker for cached files. Files above 64 KiB are not cached.", topic: :routes),

      Option.new(:max_body_bytes, Kinds::Bytes.new(0..1024 * GIB), GIB, "Maximum size of a request body; larger ones get 413.", topic: :limits),
      Option.new(:max_spool_bytes, Kinds::Bytes.new(0..1024 * 1024 * GIB, words: %i[auto]), :auto, "Maximum size of all request bodies in temporary files, in all workers; further ones get 503. auto is a quarter of the free space there.", topic: :limits),
      Option.new(:max_header_bytes, Kinds::Bytes.new(KIB..16 * MIB), 64 * KIB, "Maximum size of a request head; larger ones get 431.", topic: :limits),
      Option.new(:max_header_fields, count[16..16_000], 1000, "Maximum number of header lines in a request; more get 431.", topic: :limits),
      Option.new(:max_target_bytes, Kinds::Bytes.new(KIB..16 * MIB), 32 * KIB, "Maximum length of path and query; longer ones get 414.", topic: :limits),
      Option.new(:max_response_fields, count[16..16_000], 1000, "Maximum number of header lines in a response; with more the client gets 500. Early hints and trailers with more are left out.", topic: :limits),
      Option.new(:max_response_header_bytes, Kinds::Bytes.new(KIB..16 * MIB), 256 * KIB, "Maximum size of a response's header; above it the client gets 500. Larger early hints and trailers are left out.", topic: :limits),
      Option.new(:max_pending, count[1..MANY], 4096, "Maximum number of requests that wait for a thread in each worker; further ones get 503 with Retry-After.", topic: :limits),
      Option.new(:max_in_flight_per_conn, count[1..1024, words: %i[auto]], :auto, "Maximum number of pipelined safe requests of one connection that run at once; further ones are read later. auto is 1.", topic: :limits),
      Option.new(:max_connections, count[1..MANY], 65_536, "Maximum number of open connections in each worker; further ones get 503 and are closed.", topic: :limits),
      Option.new(:underscore_headers, Kinds::Choice.new(:drop, :allow), :drop, "Drop or allow header names with an underscore, which the app cannot tell from names with a dash.", topic: :limits),

      Option.new(:h2_max_concurrent_streams, count[1..65_535], 128, "Maximum number of open requests on an HTTP/2 connection; further ones are refused, and the client may retry.", topic: :h2),
      Option.new(:h2_max_total_streams, count[1..MANY * 1000, words: %i[unbounded]], :unbounded, "Maximum number of requests on an HTTP/2 connection; then it gets GOAWAY and finishes its requests.", topic: :h2),

      Option.new(:read_timeout, seconds[0.1], 30, "Maximum time to receive a request's head, and between two pieces of its body; then 408.", topic: :deadlines),
      Option.new(:max_request_read_seconds, seconds[0.1, off: true], 60, "Maximum time to receive a whole request, plus a second for each 500 bytes of body; then 408. 0 is off.", topic: :deadlines),
      Option.new(:idle_keepalive, seconds[0.1], 75, "Maximum idle time between two requests of a connection; then it is closed.", topic: :deadlines),
      Option.new(:write_timeout, seconds[0.1], 30, "Maximum time in which a client reads less than 500 bytes per second of its response while more is ready; then the response is cut.", topic: :deadlines),

      Option.new(:admin_token, Kinds::Secret.new, nil, "Token that a client sends in X-Hyperion-Admin-Token to read /-/metrics and /-/stats and to stop the server with POST /-/quit. A flag is visible in the process list; prefer admin_token_file.", topic: :admin),
      Option.new(:admin_token_file, Kinds::Text.new("PATH"), nil, "File with the admin token; refused if everybody may read it.", topic: :admin),
      Option.new(:admin_bind, Bind::One.new, nil, "Address that serves only /-/health, /-/ready, /-/metrics, /-/stats and /-/quit. Without a token everybody who can connect may use them.", topic: :admin),

      Option.new(:log_level, Kinds::Choice.new(:debug, :info, :warn, :error), :info, "Least important level that is logged.", topic: :log),
      Option.new(:log_format, LogFormat.new, :auto, "Format of log lines. auto is short lines on a terminal outside production and staging, else JSON. A pattern sets the format of access lines; docs/logging.md lists its fields.", topic: :log),
      Option.new(:log_requests, Kinds::Switch.new(words: %i[auto]), :auto, "Log a line for each response. auto does so unless rackup, rails server or Sinatra run the server in development, which log requests themselves.", topic: :log),
      Option.new(:log_file, Kinds::Text.new("PATH"), nil, "File to append the log to, instead of standard output; HUP reopens it.", topic: :log)
    ].freeze

    # Blocks of the configuration file. Inside a block, options are written without the prefix listed here.
    GROUPS = { admin: "admin_", logging: "log_", tls: "tls_", h2: "h2_" }.freeze

    # Blocks of Ruby that the configuration file may register.
    HOOKS = {
      before_fork: "in the master, before workers are forked",
      on_worker_boot: "in each worker before it serves, with its slot, a number from 0",
      on_worker_shutdown: "in each worker when it has served its last request, with its slot"
    }.freeze

    BY_NAME = ALL.to_h { |option| [option.name, option] }.freeze

    # @param name [Symbol] a name or an alias
    # @return [Option, nil]
    def self.find(name) = BY_NAME[name] || ALL.find { |option| option.aliases.include?(name) }
  end
end
