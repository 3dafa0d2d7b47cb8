# frozen_string_literal: true

require "fileutils"

module Bench
  # The certificate of every server that speaks TLS: ECDSA over P-256, signed by itself.
  module TlsCertificate
    FOLDER = "#{ROOT}/tmp/bench/tls"
    CERTIFICATE = "#{FOLDER}/certificate.pem"
    KEY = "#{FOLDER}/key.pem"
    # A name and a key type as `openssl req` wants them.
    COMMAND = %W[openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650
                 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1].freeze

    module_function

    # Makes it unless it is here.
    # @raise [Failure]
    def make
      return if File.exist?(CERTIFICATE) && File.exist?(KEY)

      FileUtils.mkdir_p(FOLDER)
      Tool.output(*COMMAND, "-keyout", KEY, "-out", CERTIFICATE)
    end
  end
end
