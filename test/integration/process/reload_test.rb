# frozen_string_literal: true

require_relative "process_case"

# A Rails application whose code changes while requests are answered, as under an editor.
class ReloadTest < HyperionTest::ProcessCase
  RU = <<~RUBY
    require "logger"
    require "rails"
    require "action_controller/railtie"

    class Draft < Rails::Application
      config.root = __dir__
      config.load_defaults(Rails::VERSION::STRING.to_f)
      config.eager_load = false
      config.cache_classes = false
      config.hosts.clear
      config.secret_key_base = "b" * 64
      config.logger = Logger.new($stderr)
      config.log_level = :warn
      routes.append { get "page", to: "drafts#page" }
    end
    Rails.application.initialize!
    run Rails.application
  RUBY
  CONTROLLER = <<~RUBY
    class DraftsController < ActionController::Base
      def page
        sleep(0.005)
        render(plain: DraftText.text)
      end
    end
  RUBY
  VERSIONS = 8

  def test_G9_code_that_changes_during_requests_blocks_nobody
    skip "Rails is not here" unless system(RbConfig.ruby, "-e", 'require "rails"', %i[out err] => File::NULL)
    write(0)
    file("app/controllers/drafts_controller.rb", CONTROLLER)
    drafting = boot(file("config.ru", RU), "-t", "4", env: { "RAILS_ENV" => "development" }, chdir: dir)
    answers = Queue.new
    clients = Array.new(4) { Thread.new { ask(drafting, answers) } }
    ending { @enough = true }
    (1..VERSIONS).each do |version|
      write(version)
      eventually("version #{version} is never served", timeout: 20) { answers.pop == "text #{version}" }
    end
    @enough = true
    clients.each { |client| assert client.join(15), "a client still waits" }
    assert_equal "text #{VERSIONS}", body("/page", to: drafting)
    assert_equal 0, drafting.stop.exitstatus, drafting.log
  end

  private

  # In one piece, so that nobody loads half of it.
  def write(version)
    FileUtils.mkdir_p("#{dir}/app/models")
    File.rename(file("next.rb", "module DraftText\n  def self.text = \"text #{version}\"\nend\n"), "#{dir}/app/models/draft_text.rb")
  end

  def ask(server, answers)
    client = server.connect(timeout: 15)
    until @enough
      response = client.get("/page")
      raise "#{response.status} #{response.body[0, 500]}" unless response.status == 200

      answers << response.body
    end
  ensure
    client&.close
  end
end
