# frozen_string_literal: true

require_relative "tls_case"
require_relative "../rack/hijack_cases"

# An application that takes a TLS connection gets a socket, too: what it writes leaves encrypted.
class TlsHijackTest < HyperionTest::TlsCase
  include HyperionTest::HijackCases

  APP = "test/integration/rack/apps/hijack.ru"
  serve APP, *LOCAL.flags, "-t", "3"

  private

  def dial(**options) = secure_client(**options)
  def ask(path) = secure_get(path)
  def boot_app(*options) = boot(APP, *LOCAL.flags, *options)
end
