# frozen_string_literal: true

require "fileutils"
require "json"

module Bench
  # Keeps what was measured in a folder, each fact as soon as it is known, so that a sweep that is
  # interrupted leaves what it has: runs.jsonl with a line for the machine, each run and each cell,
  # report.md with the tables, and report.html with the plots too.
  class Journal
    attr_reader :folder

    def initialize(folder)
      @folder = folder
      FileUtils.mkdir_p(folder)
      @start = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      %w[runs.jsonl report.md].each { |name| File.write("#{folder}/#{name}", "") }
    end

    # @param kind [String] machine, run or cell
    def record(kind, facts)
      elapsed_s = (Process.clock_gettime(Process::CLOCK_MONOTONIC) - @start).round(1)
      append("runs.jsonl", JSON.generate({ kind: kind, elapsed_s: elapsed_s, **facts }) << "\n")
    end

    # @param text [String] Markdown
    def report(text) = append("report.md", text + "\n")

    # @param page [String] HTML of all that there is; who reads meanwhile sees the one before
    def show(page)
      File.write("#{folder}/report.html.new", page)
      File.rename("#{folder}/report.html.new", "#{folder}/report.html")
    end

    private

    def append(name, text) = File.write("#{@folder}/#{name}", text, mode: "a")
  end
end
