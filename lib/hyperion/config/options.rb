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
               limits: "Limits", h2: "HTTP/2", deadlines: "Deadlines", admin: "Administration", log: "Log" }.freeze

    count = ->(range, **rest) { Kinds::Count.new(range, **rest) }
    seconds = ->(least, **rest) { Kinds::Seconds.new(least, **rest) }

    ALL = [
      Option.new(:bind, Bind::List.new, "127.0.0.1", "Listen here; without it on 127.0.0.1 in development and test, on every address elsewhere; may be repeated. A host, host:port or [address]:port, which speaks TLS where there is a certificate; tcp://host:port, which never does; ssl://host:port, which always does, with ?cert=PATH&key=PATH of its own or not; or unix://path?mode=0660. [::] takes IPv4 too. A port beside unix sockets alone is one more address.", topic: :network, letter: "b", known: %w[HOST BINDING], foreign: /-(?:linux|darwin|apple)/),
      Option.new(:port, count[0..65_535], 9292, "The port of each address that names none. 0 lets the kernel pick; the banner prints it.", topic: :network, letter: "p", known: %w[PORT], foreign: %r{\Atcp://}),
      Option.new(:io, Kinds::Choice.new(:auto, :epoll, :io_uring), :auto, "How sockets are driven. io_uring falls back to epoll with a warning where the kernel refuses it.", topic: :network, synonyms: { "HYPERION_IO_URING_ACCEPT" => { "1" => "io_uring" } }),

      Option.new(:tls_cert, Kinds::Paths.new, nil, "The certificate in PEM, followed by those that lead to its root; may be repeated. The first is for clients that name no other host. Read again when it changes.", topic: :tls),
      Option.new(:tls_key, Kinds::Paths.new, nil, "The private key in PEM, without a passphrase; one for each tls_cert, in the same order.", topic: :tls),
      Option.new(:tls_self_signed, Kinds::Switch.new, false, "For development: a certificate made in memory for localhost, 127.0.0.1, ::1 and the host of the address.", topic: :tls),
      Option.new(:tls_min_version, Kinds::Choice.new(:"1.2", :"1.3"), :"1.2", "The oldest version of TLS that is spoken.", topic: :tls),
      Option.new(:tls_strict_sni, Kinds::Switch.new, false, "Whether a handshake for a name that no certificate has is refused, and a request for a host that is not in the certificate answered 421.", topic: :tls),
      Option.new(:tls_client_auth, Kinds::Choice.new(:none, :optional, :required), :none, "Whether clients may or must show a certificate, which the app finds in env.", topic: :tls),
      Option.new(:tls_client_ca, Kinds::Text.new("PATH"), nil, "The certificates in PEM of those who sign the certificates of clients.", topic: :tls),
      Option.new(:tls_handshake_timeout, seconds[0.1], 10, "For a TLS handshake to be complete.", topic: :tls),
      Option.new(:tls_handshake_rate_limit, count[1..MANY, words: %i[unlimited]], :unlimited, "TLS handshakes that a worker begins per second; connections above are closed.", topic: :tls),

      Option.new(:workers, count[0..1024, words: %i[auto]], 1, "Worker processes. 0 and 1 are one process without a master; auto is one for each CPU that the machine and its cgroup allow.", topic: :processes, letter: "w", known: %w[WEB_CONCURRENCY], cluster: true),
      Option.new(:threads, Kinds::ThreadCount.new(1..1024), 5, "Ruby threads in each worker that run the app.", topic: :processes, letter: "t", aliases: %i[thread_count], known: %w[RAILS_MAX_THREADS]),
      Option.new(:worker_model, Kinds::Choice.new(:share, :reuseport), RUBY_PLATFORM.include?("linux") ? :reuseport : :share, "Whether all workers accept from one socket, or each from one of its own with SO_REUSEPORT.", topic: :processes, cluster: true),
      Option.new(:worker_timeout, seconds[2], 60, "A worker that gives no sign of life for so long, or makes no progress while requests wait, is replaced. Its backtraces are logged after a third of this time.", topic: :processes, cluster: true),
      Option.new(:worker_boot_timeout, seconds[1], 60, "A worker that does not serve so long after its fork is killed, and its backtraces are logged; so long before_fork may take, too.", topic: :processes, cluster: true),
      Option.new(:worker_boot_retry_timeout, seconds[0], 60, "For so long workers that die before they serve are followed by others; then the server ends.", topic: :processes, cluster: true),
      Option.new(:worker_max_rss_mb, count[1..MANY, words: %i[auto]], nil, "A worker that uses more memory than so many MiB is replaced while it serves. Shared memory counts by its share. auto is a share of what its cgroup may use.", topic: :processes, cluster: true),
      Option.new(:worker_max_requests, count[1..MANY * 1000], nil, "A worker is replaced while it serves once it has received so many requests, or up to a tenth more.", topic: :processes, cluster: true),
      Option.new(:graceful_timeout, seconds[0], 30, "How long a stop waits for requests in flight.", topic: :processes),
      Option.new(:drain_delay, seconds[0], 0, "So long a server that is to stop goes on serving while /-/ready already says no, for load balancers to notice.", topic: :processes, cluster: true),
      Option.new(:pid_file, Kinds::Text.new("PATH"), nil, "Holds the process ID of the master, or of the only process, while it serves.", topic: :processes, aliases: %i[pidfile], cluster: true),

      Option.new(:config, Kinds::Text.new("PATH"), nil, "The configuration file; config/hyperion.rb where it exists.", topic: :app, letter: "C", cluster: true),
      Option.new(:environment, Kinds::Text.new("NAME"), "development", "The environment of the app, put into RACK_ENV.", topic: :app, letter: "e", known: %w[RACK_ENV RAILS_ENV APP_ENV]),
      Option.new(:preload, Kinds::Switch.new, true, "Load the app in the master, before workers are forked.", topic: :app, cluster: true),
      Option.new(:yjit, Kinds::Switch.new(words: %i[auto]), :auto, "Compile with YJIT; auto does so where Ruby can turn it on at run time.", topic: :app, cluster: true),
      Option.new(:stream_request_bodies, Kinds::Switch.new, false, "Call the app when the head of a request is there; it waits in rack.input for the rest. Off, the app is called when the body is there, too, except for gRPC.", topic: :app),
      Option.new(:early_hints, Kinds::Choice.new(:off, :http2, :on), :http2, "Which clients get the early hints (103) of the app: none, those that speak HTTP/2, or all of HTTP/1.1, too. nginx and the standard clients of Python and Java take a 103 over HTTP/1.1 for the response. Without it env has no rack.early_hints.", topic: :app),

      Option.new(:native_routes, Kinds::Switch.new, true, "Static routes and files are answered by the engine; off, by the threads that run the app.", topic: :routes, synonyms: { "HYPERION_C_ACCEPT_LOOP" => { "0" => "false" } }),
      Option.new(:preload_static, Kinds::Directories.new, nil, "Serve the files of this directory, which never change, at /; may be repeated. What is not there goes to the app.", topic: :routes),
      Option.new(:sendfile_header, Kinds::Choice.new(:off, :"x-sendfile", :"x-accel-redirect"), :off, "The response header by which the app has a file sent: x-sendfile takes a path, x-accel-redirect one below a mount. off sends such headers on to the client.", topic: :routes),
      Option.new(:static_cache_bytes, Kinds::Bytes.new(0..1024 * GIB), 64 * MIB, "Memory of a worker for files that it serves; those above 64 KiB are not kept.", topic: :routes),

      Option.new(:max_body_bytes, Kinds::Bytes.new(0..1024 * GIB), GIB, "The largest request body; 413 above.", topic: :limits),
      Option.new(:max_spool_bytes, Kinds::Bytes.new(0..1024 * 1024 * GIB, words: %i[auto]), :auto, "What large request bodies of all workers may take in temporary files; 503 above. auto is a quarter of what is free there.", topic: :limits),
      Option.new(:max_header_bytes, Kinds::Bytes.new(KIB..16 * MIB), 64 * KIB, "The largest request head; 431 above.", topic: :limits),
      Option.new(:max_header_fields, count[16..16_000], 1000, "The most header lines of a request; 431 above.", topic: :limits),
      Option.new(:max_target_bytes, Kinds::Bytes.new(KIB..16 * MIB), 32 * KIB, "The longest path and query of a request; 414 above.", topic: :limits),
      Option.new(:max_response_fields, count[16..16_000], 1000, "The most header lines of a response; 500 above. Early hints and trailers above are left out.", topic: :limits),
      Option.new(:max_response_header_bytes, Kinds::Bytes.new(KIB..16 * MIB), 256 * KIB, "The largest header of a response; 500 above. Early hints and trailers above are left out.", topic: :limits),
      Option.new(:max_pending, count[1..MANY], 4096, "Requests of a worker that wait for a thread; 503 with Retry-After above.", topic: :limits),
      Option.new(:max_in_flight_per_conn, count[1..1024, words: %i[auto]], :auto, "Pipelined safe requests of one connection that may run at once; auto is 1. What comes on top is read later.", topic: :limits),
      Option.new(:max_connections, count[1..MANY], 65_536, "Open connections of a worker; 503 and close above.", topic: :limits),
      Option.new(:underscore_headers, Kinds::Choice.new(:drop, :allow), :drop, "What becomes of header names with an underscore, which the app cannot tell from those with a dash.", topic: :limits),

      Option.new(:h2_max_concurrent_streams, count[1..65_535], 128, "Requests of an HTTP/2 connection that may be open at once; more are refused, to be sent again.", topic: :h2),
      Option.new(:h2_max_total_streams, count[1..MANY * 1000, words: %i[unbounded]], :unbounded, "Requests of an HTTP/2 connection in its life; then it is told to end, and its requests are finished.", topic: :h2),

      Option.new(:read_timeout, seconds[0.1], 30, "For a request's head to be complete, and between two pieces of its body; 408.", topic: :deadlines),
      Option.new(:max_request_read_seconds, seconds[0.1, off: true], 60, "For a whole request, prolonged by a second for each 500 bytes of body; 408. 0 is off.", topic: :deadlines),
      Option.new(:idle_keepalive, seconds[0.1], 75, "How long a connection may rest between requests.", topic: :deadlines),
      Option.new(:write_timeout, seconds[0.1], 30, "In so long a client must take 500 bytes a second of the response, or all that is ready.", topic: :deadlines),

      Option.new(:admin_token, Kinds::Secret.new, nil, "Whoever sends this in X-Hyperion-Admin-Token may ask for /-/metrics and /-/stats and stop the server by POST /-/quit. Others see a flag in the list of processes; a file is better.", topic: :admin),
      Option.new(:admin_token_file, Kinds::Text.new("PATH"), nil, "The file that holds the token; refused where it is open to everybody.", topic: :admin),
      Option.new(:admin_bind, Bind::One.new, nil, "Answer /-/health, /-/ready, /-/metrics, /-/stats and /-/quit here, and nothing else. Without a token everybody who can connect may ask.", topic: :admin),

      Option.new(:log_level, Kinds::Choice.new(:debug, :info, :warn, :error), :info, "The least important lines that are written.", topic: :log),
      Option.new(:log_format, LogFormat.new, :auto, "auto is JSON in production and staging, short lines on a terminal, else JSON. A pattern is about the line of a response; docs/logging.md has its fields.", topic: :log),
      Option.new(:log_requests, Kinds::Switch.new(words: %i[auto]), :auto, "A line for each response; auto leaves it out where rackup, rails server or Sinatra run the server in development, which log requests themselves.", topic: :log),
      Option.new(:log_file, Kinds::Text.new("PATH"), nil, "Append to this file instead of standard output; HUP opens it again.", topic: :log)
    ].freeze

    # Blocks of the configuration file: inside, the options whose names begin so lose that beginning.
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
